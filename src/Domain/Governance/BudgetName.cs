using ControlCenter.Domain.Text;

namespace ControlCenter.Domain.Governance;

/// <summary>What a budget is called where it is spoken of: it has no other name.</summary>
public static class BudgetName
{
    /// <summary><c>The global budget for a day</c>, <c>The budget of agent … for good</c>.</summary>
    public static string Of(BudgetScope scope, string? scopeId, BudgetPeriod period) =>
        $"{(scope == BudgetScope.Global ? "The global budget" : $"The budget of {scope.Wire()} '{scopeId}'")} for {Span(period)}";

    /// <summary><c>a day</c>, <c>good</c>.</summary>
    public static string Span(BudgetPeriod period) => period switch
    {
        BudgetPeriod.Hour => "an hour",
        BudgetPeriod.Total => "good",
        _ => $"a {period.Wire()}",
    };
}
