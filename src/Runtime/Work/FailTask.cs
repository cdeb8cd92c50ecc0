using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>An agent gives up.</summary>
/// <param name="LeaseId">The lease under which.</param>
/// <param name="FencingToken">Its number.</param>
/// <param name="Error">What went wrong: 1 character to 64 KiB.</param>
/// <param name="Retryable">Whether another attempt may do better; true unless said.</param>
public sealed record FailTaskRequest(Guid LeaseId, long FencingToken, string Error, bool? Retryable = null);

/// <summary>Takes in failures: back to ready while there are attempts left, failed for good otherwise.</summary>
public sealed class FailTask(Transactions transactions)
{
    /// <summary>Fails the attempt.</summary>
    public Task<Outcome<TaskStanding>> ExecuteAsync(
        Guid task, FailTaskRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ActAsSelf);
        new FieldErrors().Add("error", TextRules.LongText(request.Error)).ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var held = await LeaseHolder.RequireAsync(unit, new LeaseProof(task, request.LeaseId, request.FencingToken), ct);
            var retryable = request.Retryable ?? true;
            var exhausted = retryable && held.Attempt >= held.MaxAttempts;
            var trigger = exhausted ? TaskTrigger.AttemptsExhausted : retryable ? TaskTrigger.FailedRetryably : TaskTrigger.FailedForGood;
            var state = TaskTransitions.Next(held.State, trigger);
            var attempt = state == TaskState.Ready ? held.Attempt + 1 : held.Attempt;
            await EndLease.ExecuteAsync(unit, request.LeaseId, LeaseEnd.Failed, ct);
            await unit.ExecuteAsync(
                """
                update tasks set state = @state, attempt = @attempt, lease_id = null, error = @error, updated_at = clock_timestamp(),
                    ended_at = case when @state = 'failed' then clock_timestamp() end
                where id = @id
                """,
                ct, ("id", task), ("state", WireNames<TaskState>.ToWire(state)), ("attempt", attempt), ("error", request.Error));
            var data = new { held.AgentId, request.Error, Retryable = retryable, Attempt = held.Attempt, held.MaxAttempts, Exhausted = exhausted };
            unit.Record("task.attempt_failed", ("task", task.ToString()), data, held.TicketId, task);
            unit.Record(state == TaskState.Ready ? "task.ready" : "task.failed", ("task", task.ToString()), data, held.TicketId, task);
            return new TaskStanding(task, state, attempt);
        }, cancellationToken);
    }
}
