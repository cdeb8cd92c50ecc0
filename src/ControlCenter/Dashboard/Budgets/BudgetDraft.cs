using ControlCenter.Domain.Governance;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Governance;

namespace ControlCenter.Dashboard.Budgets;

/// <summary>A budget while it is being written.</summary>
public sealed class BudgetDraft
{
    public BudgetScope Scope { get; set; }

    public string? ScopeId { get; set; }

    public BudgetPeriod Period { get; set; } = BudgetPeriod.Day;

    public decimal? SoftLimit { get; set; }

    public decimal HardLimit { get; set; } = 10;

    public string Currency { get; set; } = "USD";

    /// <summary>Whether it is there already: then only its limits change.</summary>
    public bool IsSet { get; private init; }

    /// <summary>A draft of the changes to a budget.</summary>
    public static BudgetDraft Of(BudgetView budget) => new()
    {
        Scope = budget.Scope, ScopeId = budget.ScopeId, Period = budget.Period, SoftLimit = budget.SoftLimit is { } soft ? BudgetRules.Plain(soft) : null,
        HardLimit = BudgetRules.Plain(budget.HardLimit),
        Currency = budget.Currency, IsSet = true,
    };

    /// <summary>The request for a new budget.</summary>
    public CreateBudgetRequest ToCreate() => new(Scope, Period, HardLimit, Scope == BudgetScope.Global ? null : ScopeId?.Trim(), SoftLimit, Currency.Trim());

    /// <summary>The request for a change.</summary>
    public ChangeBudgetRequest ToChange() => new(HardLimit) { SoftLimit = AmountChange.To(SoftLimit) };
}

/// <summary>An override while it is being written.</summary>
public sealed class RaiseDraft
{
    public decimal Amount { get; set; }

    public int Hours { get; set; } = 24;

    public string Reason { get; set; } = "";

    /// <summary>The request.</summary>
    public OverrideBudgetRequest ToRequest() => new(Amount, Hours * 3600, Reason);
}

/// <summary>The early end of an override while it is being written.</summary>
public sealed class TakeBackDraft
{
    public string Reason { get; set; } = "";

    /// <summary>The request.</summary>
    public EndOverrideRequest ToRequest() => new(Reason);
}
