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
        return transactions.RunAsync(
            caller, idempotency, (unit, ct) => WithinAsync(unit, new LeaseProof(task, request.LeaseId, request.FencingToken), request.Reason, ct), cancellationToken);
    }

    /// <summary>Gives the task back in a transaction that does more.</summary>
    internal static async Task<TaskStanding> WithinAsync(UnitOfWork unit, LeaseProof proof, string? reason, CancellationToken cancellationToken)
    {
        var held = await LeaseHolder.RequireAsync(unit, proof, cancellationToken);
        var state = TaskTransitions.Next(held.State, TaskTrigger.Released);
        await EndLease.ExecuteAsync(unit, proof.LeaseId, LeaseEnd.Released, cancellationToken);
        await unit.ExecuteAsync(
            "update tasks set state = @state, lease_id = null, updated_at = clock_timestamp() where id = @id",
            cancellationToken, ("id", proof.TaskId), ("state", WireNames<TaskState>.ToWire(state)));
        unit.Record("task.released", ("task", proof.TaskId.ToString()), new { held.AgentId, Reason = reason }, held.TicketId, proof.TaskId);
        return new TaskStanding(proof.TaskId, state, held.Attempt);
    }
}
