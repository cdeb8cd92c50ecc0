using ControlCenter.Domain.Escalations;
using ControlCenter.Runtime.Escalations;

namespace ControlCenter.Dashboard.Escalations;

/// <summary>A decision while it is being made: bound to the action that is on the screen.</summary>
internal sealed class DecisionDraft(EscalationView asked)
{
    /// <summary>Why, or the answer in words.</summary>
    public string Comment { get; set; } = "";

    /// <summary>The option chosen.</summary>
    public string? Option { get; private set; }

    /// <summary>What the first button says: yes to an approval, an answer to everything else.</summary>
    public Verdict Positive { get; } = asked.Kind == EscalationKind.Approval ? Verdict.Approved : Verdict.Answered;

    /// <summary>Chooses an option, or takes the choice back.</summary>
    public void Choose(string option) => Option = Option == option ? null : option;

    /// <summary>What is missing for this verdict, or null.</summary>
    public string? Missing(Verdict verdict) =>
        verdict == Verdict.Answered && Option is null && string.IsNullOrWhiteSpace(Comment)
            ? asked.Options.Length > 0 ? "Choose an option, or write an answer." : "Write an answer: it is what the agent reads."
            : null;

    /// <summary>The request that it makes, with the hash of the action that was looked at.</summary>
    public DecideEscalationRequest ToRequest(Verdict verdict) =>
        new(verdict, string.IsNullOrWhiteSpace(Comment) ? null : Comment.Trim(), Option, asked.ActionHash);
}
