using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>An agent gives a task back.</summary>
/// <param name="LeaseId">The lease under which.</param>
/// <param name="FencingToken">Its number.</param>
/// <param name="Reason">Why, for the story.</param>
public sealed record ReleaseTaskRequest(Guid LeaseId, long FencingToken, string? Reason = null);

/// <summary>Takes tasks back: ready again, with the same attempt still to be made.</summary>
public sealed class ReleaseTask(Transactions transactions)
{
    /// <summary>Gives the task back.</summary>
    public Task<Outcome<TaskStanding>> ExecuteAsync(
        Guid task, ReleaseTaskRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ActAsSelf);
        new FieldErrors().Add("reason", TextRules.OptionalLongText(request.Reason)).ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var held = await LeaseHolder.RequireAsync(unit, new LeaseProof(task, request.LeaseId, request.FencingToken), ct);
            var state = TaskTransitions.Next(held.State, TaskTrigger.Released);
            await EndLease.ExecuteAsync(unit, request.LeaseId, LeaseEnd.Released, ct);
            await unit.ExecuteAsync(
                "update tasks set state = @state, lease_id = null, updated_at = clock_timestamp() where id = @id",
                ct, ("id", task), ("state", WireNames<TaskState>.ToWire(state)));
            unit.Record("task.released", ("task", task.ToString()), new { held.AgentId, request.Reason }, held.TicketId, task);
            return new TaskStanding(task, state, held.Attempt);
        }, cancellationToken);
    }
}
