using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;

namespace ControlCenter.Domain.Escalations;

/// <summary>What kind of answer is wanted.</summary>
public enum EscalationKind
{
    /// <summary>A yes or a no to exactly one action.</summary>
    Approval,

    /// <summary>An answer in words, or one of the options.</summary>
    Question,

    /// <summary>A human is to step in.</summary>
    Intervention,
}

/// <summary>Where an escalation stands.</summary>
public enum EscalationState
{
    /// <summary>Nobody has decided yet.</summary>
    Waiting,

    /// <summary>Yes.</summary>
    Approved,

    /// <summary>No.</summary>
    Denied,

    /// <summary>Answered.</summary>
    Answered,

    /// <summary>Nobody decided in time, which is a no.</summary>
    Expired,
}

/// <summary>An answer.</summary>
public enum Verdict
{
    /// <summary>Yes.</summary>
    Approved,

    /// <summary>No.</summary>
    Denied,

    /// <summary>An answer in words or by option.</summary>
    Answered,

    /// <summary>The host's own verdict when time is up.</summary>
    Expired,
}

/// <summary>Which answer fits which question.</summary>
public static class EscalationRules
{
    private static readonly Dictionary<EscalationKind, Verdict[]> Fitting = new()
    {
        [EscalationKind.Approval] = [Verdict.Approved, Verdict.Denied],
        [EscalationKind.Question] = [Verdict.Answered, Verdict.Approved, Verdict.Denied],
        [EscalationKind.Intervention] = [Verdict.Answered, Verdict.Approved, Verdict.Denied],
    };

    /// <summary>The verdicts that a human can give.</summary>
    public static IReadOnlyList<Verdict> VerdictsFor(EscalationKind kind) => Fitting[kind];

    /// <summary>The state after a verdict.</summary>
    public static EscalationState StateAfter(Verdict verdict) => verdict switch
    {
        Verdict.Approved => EscalationState.Approved,
        Verdict.Denied => EscalationState.Denied,
        Verdict.Answered => EscalationState.Answered,
        _ => EscalationState.Expired,
    };

    /// <summary>Refuses an answer that does not fit.</summary>
    /// <exception cref="ValidationException">The verdict is none for this kind, or the option none of those offered.</exception>
    public static void Require(EscalationKind kind, Verdict verdict, string? option, IReadOnlyList<string> options) =>
        new FieldErrors()
            .Add("verdict", Fitting[kind].Contains(verdict) ? null
                : $"An escalation of kind {WireNames<EscalationKind>.ToWire(kind)} is {string.Join(" or ", Fitting[kind].Select(WireNames<Verdict>.ToWire))}; '{WireNames<Verdict>.ToWire(verdict)}' was given.")
            .Add("option", option is null || options.Contains(option) ? null
                : options.Count == 0 ? "No options were offered." : $"One of {string.Join(", ", options)}; '{option}' was given.")
            .ThrowIfAny();
}
