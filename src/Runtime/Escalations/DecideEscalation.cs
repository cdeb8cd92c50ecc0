using ControlCenter.Domain.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Escalations;

/// <summary>A human's answer.</summary>
/// <param name="Verdict">The answer.</param>
/// <param name="Comment">Why, or the answer in words.</param>
/// <param name="Option">The option chosen.</param>
/// <param name="ActionHash">The hash of the action that was before the decider's eyes; a different one is refused.</param>
public sealed record DecideEscalationRequest(Verdict Verdict, string? Comment = null, string? Option = null, string? ActionHash = null);

/// <summary>The answer as it was kept.</summary>
public sealed record RecordedDecision(
    Guid DecisionId, Guid EscalationId, Verdict Verdict, EscalationState State, string? Comment, string? Option, string? ActionHash, Guid DecidedBy, DateTimeOffset DecidedAt);

/// <summary>Takes in a human's decision: once, for exactly the action that was asked about, and for good.</summary>
public sealed class DecideEscalation(Transactions transactions, TimeProvider time)
{
    /// <summary>Decides an escalation.</summary>
    /// <exception cref="NotFoundException">No such escalation.</exception>
    /// <exception cref="ConflictException"><c>already_decided</c> (or expired), or <c>action_changed</c>.</exception>
    public Task<Outcome<RecordedDecision>> ExecuteAsync(
        Guid escalation, DecideEscalationRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.Decide);
        new FieldErrors()
            .Add("comment", TextRules.OptionalLongText(request.Comment))
            .Add("verdict", request.Verdict == Verdict.Expired ? "'expired' is what the host decides when time is up; say approved, denied or answered." : null)
            .ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, (unit, ct) => DecideAsync(unit, escalation, request, ct), cancellationToken);
    }

    private async Task<RecordedDecision> DecideAsync(UnitOfWork unit, Guid id, DecideEscalationRequest request, CancellationToken cancellationToken)
    {
        var asked = await DecisionRecord.LockAsync(unit, id, cancellationToken);
        if (asked.State != EscalationState.Waiting || asked.IsOverdue)
        {
            throw new ConflictException(
                ProblemTypes.AlreadyDecided,
                $"Escalation {id} is {(asked.IsOverdue ? "expired" : WireNames<EscalationState>.ToWire(asked.State))}; a decision is never changed.");
        }

        if (request.ActionHash is { } seen && !string.Equals(seen, asked.ActionHash, StringComparison.Ordinal))
        {
            throw new ConflictException(
                ProblemTypes.ActionChanged, $"The action has the hash {asked.ActionHash ?? "(none)"}, not {seen}. Look at it again before deciding.");
        }

        EscalationRules.Require(asked.Kind, request.Verdict, request.Option, asked.Options);
        await AuditLog.WriteAsync(
            unit, time, "escalation.decided", $"escalation:{id}", new { request.Verdict, request.Option, asked.ActionHash }, cancellationToken);
        return await DecisionRecord.WriteAsync(unit, asked, request, time, cancellationToken);
    }
}
