using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>A human stops a task for good.</summary>
/// <param name="Reason">Why, for the story.</param>
public sealed record CancelTaskRequest(string? Reason = null);

/// <summary>Cancels tasks; a lease on one ends at once, so that its holder's next write is refused.</summary>
public sealed class CancelTask(Transactions transactions)
{
    /// <summary>Cancels a task.</summary>
    /// <exception cref="ConflictException"><c>invalid_transition</c>: it has already ended.</exception>
    public Task<Outcome<TaskStanding>> ExecuteAsync(
        Guid task, CancelTaskRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.CancelTasks);
        new FieldErrors().Add("reason", TextRules.OptionalLongText(request.Reason)).ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, (unit, ct) => WithinAsync(unit, task, request.Reason, ct), cancellationToken);
    }

    /// <summary>Cancels a task in a transaction that does more.</summary>
    internal static async Task<TaskStanding> WithinAsync(UnitOfWork unit, Guid task, string? reason, CancellationToken cancellationToken)
    {
        // The lease first, then the task: the order in which every write under a lease locks.
        await unit.ExecuteAsync("select 1 from leases where task_id = @id and ended_at is null for update", cancellationToken, ("id", task));
        var (state, attempt, ticket, agent, lease) = await LockAsync(unit, task, cancellationToken);
        var next = TaskTransitions.Next(state, TaskTrigger.Cancelled);
        if (lease is { } held)
        {
            await EndLease.ExecuteAsync(unit, held, LeaseEnd.Cancelled, cancellationToken);
            unit.Record(
                "lease.revoked", ("lease", held.ToString()),
                new { AgentId = agent, LeaseId = held, TaskId = task, Why = "the task was cancelled" }, ticket, task);
        }

        await unit.ExecuteAsync(
            """
            update tasks set state = @state, lease_id = null, error = @reason, updated_at = clock_timestamp(), ended_at = clock_timestamp()
            where id = @id
            """,
            cancellationToken, ("id", task), ("state", WireNames<TaskState>.ToWire(next)), ("reason", reason));
        unit.Record("task.cancelled", ("task", task.ToString()), new { Reason = reason, AgentId = agent }, ticket, task);
        return new TaskStanding(task, next, attempt);
    }

    private static async Task<(TaskState State, int Attempt, Guid Ticket, Guid? Agent, Guid? Lease)> LockAsync(
        UnitOfWork unit, Guid task, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select state, attempt, ticket_id, agent_id, lease_id from tasks where id = @id for update", ("id", task));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (WireNames<TaskState>.Parse(reader.GetString(0)), reader.GetInt32(1), reader.GetGuid(2),
                reader.IsDBNull(3) ? null : reader.GetGuid(3), reader.IsDBNull(4) ? null : reader.GetGuid(4))
            : throw new NotFoundException("task", task.ToString());
    }
}
