using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>Takes a task from an agent whose process was seen to be gone: ready again at once, with its checkpoint, and not only when its lease runs out.</summary>
public static class TakeBackTask
{
    /// <summary>Takes the task back, if it is still held under that lease.</summary>
    /// <param name="unit">The transaction of what is the reason.</param>
    /// <param name="task">The task.</param>
    /// <param name="lease">The lease.</param>
    /// <param name="spendsAttempt">Whether the attempt counts: not where somebody had it stopped.</param>
    /// <param name="why">In words.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Where the task stands now; null if it was no longer held under it.</returns>
    public static async Task<TaskState?> WithinAsync(UnitOfWork unit, Guid task, Guid lease, bool spendsAttempt, string why, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync("select 1 from leases where id = @lease for update", cancellationToken, ("lease", lease));
        if (await HoldAsync(unit, task, lease, cancellationToken) is not { } held)
        {
            return null;
        }

        var exhausted = spendsAttempt && held.Attempt >= held.MaxAttempts;
        var next = TaskTransitions.Next(held.State, exhausted ? TaskTrigger.AttemptsExhausted : spendsAttempt ? TaskTrigger.LeaseExpired : TaskTrigger.Released);
        await EndLease.ExecuteAsync(unit, lease, LeaseEnd.Revoked, cancellationToken);
        await unit.ExecuteAsync(
            """
            update tasks set state = @state, attempt = @attempt, lease_id = null, updated_at = clock_timestamp(),
                error = case when @spends then @why else error end, ended_at = case when @state = 'failed' then clock_timestamp() end
            where id = @id
            """,
            cancellationToken, ("id", task), ("state", next.Wire()), ("why", why), ("spends", spendsAttempt),
            ("attempt", spendsAttempt && !exhausted ? held.Attempt + 1 : held.Attempt));
        var data = new { held.AgentId, LeaseId = lease, TaskId = task, Why = why, EndedAttempt = held.Attempt, held.MaxAttempts, Exhausted = exhausted };
        unit.Record("lease.revoked", ("lease", lease.ToString()), data, held.TicketId, task);
        unit.Record(next == TaskState.Failed ? "task.failed" : spendsAttempt ? "task.ready" : "task.released", ("task", task.ToString()), data, held.TicketId, task);
        return next;
    }

    private static async Task<HeldTask?> HoldAsync(UnitOfWork unit, Guid task, Guid lease, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select ticket_id, agent_id, state, attempt, max_attempts from tasks where id = @task and lease_id = @lease for update", ("task", task), ("lease", lease));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new HeldTask(task, reader.GetGuid(0), reader.GetGuid(1), WireNames<TaskState>.Parse(reader.GetString(2)), reader.GetInt32(3), reader.GetInt32(4))
            : null;
    }
}
