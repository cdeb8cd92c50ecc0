using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>An agent says how far it is.</summary>
/// <param name="LeaseId">The lease under which.</param>
/// <param name="FencingToken">Its number.</param>
/// <param name="Message">Up to 64 KiB.</param>
/// <param name="Percent">0 to 100.</param>
public sealed record ReportProgressRequest(Guid LeaseId, long FencingToken, string? Message = null, int? Percent = null);

/// <summary>Takes in progress; the first sign of it turns a leased task into a running one.</summary>
public sealed class ReportProgress(Transactions transactions)
{
    /// <summary>Records progress.</summary>
    public Task<Outcome<TaskStanding>> ExecuteAsync(
        Guid task, ReportProgressRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ActAsSelf);
        new FieldErrors()
            .Add("message", TextRules.OptionalLongText(request.Message))
            .Add("percent", request.Percent is < 0 or > 100 ? $"Between 0 and 100; {request.Percent} was given." : null)
            .ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var held = await LeaseHolder.RequireAsync(unit, new LeaseProof(task, request.LeaseId, request.FencingToken), ct);
            var state = held.State == TaskState.Leased ? TaskTransitions.Next(held.State, TaskTrigger.Started) : held.State;
            await unit.ExecuteAsync(
                """
                update tasks set state = @state, percent = coalesce(@percent, percent), message = coalesce(@message, message),
                    updated_at = clock_timestamp() where id = @id
                """,
                ct, ("id", task), ("state", WireNames<TaskState>.ToWire(state)), ("percent", (short?)request.Percent), ("message", request.Message));
            unit.Record("task.progress", ("task", task.ToString()), new { held.AgentId, request.Message, request.Percent }, held.TicketId, task);
            return new TaskStanding(task, state, held.Attempt);
        }, cancellationToken);
    }
}
