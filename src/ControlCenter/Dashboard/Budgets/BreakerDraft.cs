using ControlCenter.Domain.Governance;
using ControlCenter.Runtime.Governance;

namespace ControlCenter.Dashboard.Budgets;

/// <summary>A breaker's policy while it is being written: in the units that people think in.</summary>
public sealed class BreakerDraft
{
    private const int SecondsAMinute = 60;

    public string Name { get; set; } = "";

    public BudgetScope Scope { get; set; } = BudgetScope.Agent;

    public string? ScopeId { get; set; }

    public BreakerSignal Signal { get; set; }

    public decimal Allowed { get; set; } = 2;

    public decimal Times { get; set; } = 3;

    public string Currency { get; set; } = "USD";

    public int ShortMinutes { get; set; } = 5;

    public int LongMinutes { get; set; } = 60;

    public int OpenMinutes { get; set; } = 5;

    public int FewestCalls { get; set; } = 10;

    public int ProbeCalls { get; set; } = 3;

    public decimal ProbeAmount { get; set; } = 1;

    /// <summary>Whether it is there already: then its name stays.</summary>
    public bool IsSet { get; private init; }

    /// <summary>A draft of the changes to a policy.</summary>
    public static BreakerDraft Of(BreakerPolicyView policy) => new()
    {
        Name = policy.Name, Scope = policy.Scope, ScopeId = policy.ScopeId, Signal = policy.Signal, Currency = policy.Currency,
        Allowed = BudgetRules.Plain(policy.Signal == BreakerSignal.ErrorRate ? policy.Allowed * 100 : policy.Allowed), Times = BudgetRules.Plain(policy.Times),
        ShortMinutes = policy.ShortSeconds / SecondsAMinute, LongMinutes = policy.LongSeconds / SecondsAMinute, OpenMinutes = Math.Max(policy.OpenSeconds / SecondsAMinute, 1),
        FewestCalls = policy.FewestCalls, ProbeCalls = policy.ProbeCalls, ProbeAmount = BudgetRules.Plain(policy.ProbeAmount), IsSet = true,
    };

    /// <summary>The request.</summary>
    public SetBreakerPolicyRequest ToRequest() => new(
        Scope, Signal, Signal == BreakerSignal.ErrorRate ? Allowed / 100 : Allowed, Scope == BudgetScope.Global ? null : ScopeId?.Trim(), Times, Currency.Trim(),
        ShortMinutes * SecondsAMinute, LongMinutes * SecondsAMinute, FewestCalls, OpenMinutes * SecondsAMinute, ProbeCalls, ProbeAmount);
}
