using System.Text.Json;
using ControlCenter.Dashboard.Costs;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Governance;

namespace ControlCenter.Dashboard.Budgets;

/// <summary>Budgets in words.</summary>
internal static class BudgetWords
{
    /// <summary>What it is for: <c>Everything</c>, <c>Agent Ada</c>.</summary>
    public static string For(BudgetView budget) =>
        budget.Scope == BudgetScope.Global ? "Everything" : $"{Word(budget.Scope)} {budget.ScopeName ?? budget.ScopeId}";

    /// <summary>A scope, at the beginning of a sentence.</summary>
    public static string Word(BudgetScope scope) => Capital(scope.Wire());

    /// <summary><c>a day</c>, <c>in total</c>.</summary>
    public static string Span(BudgetPeriod period) => period == BudgetPeriod.Total ? "in total" : BudgetName.Span(period);

    /// <summary>How it looks.</summary>
    public static StatusLook Look(BudgetState state) => state switch
    {
        BudgetState.WithinLimits => new("good", "check", "Within limits"),
        BudgetState.OverSoftLimit => new("warn", "alert", "Over soft limit"),
        _ => new("bad", "stop", "Used up"),
    };

    /// <summary>What was done to it, in words.</summary>
    public static string Of(BudgetChangeView change, string currency)
    {
        var detail = change.Detail ?? default;
        return change.Change switch
        {
            "created" => $"Set to {Amount(detail, "hard_limit", currency)}{(Number(detail, "soft_limit") is { } soft ? $", warns from {CostWords.Of(soft, currency)}" : "")}",
            "changed" => $"Changed to {Amount(detail, "hard_limit", currency)} from {Amount(detail.GetProperty("before"), "hard_limit", currency)}; warns {Warns(detail, currency)}, before {Warns(detail.GetProperty("before"), currency)}",
            "raised" => $"Raised by {Amount(detail, "amount", currency)}: {detail.GetProperty("reason").GetString()}",
            "raise_ended" when detail.TryGetProperty("reason", out var why) =>
                $"The raise of {Amount(detail, "amount", currency)} was taken back: {why.GetString()}{(Number(detail, "reserved") is > 0 and { } held ? $" ({CostWords.Of(held, currency)} stayed set aside for calls under way)" : "")}",
            "raise_ended" => $"The raise of {Amount(detail, "amount", currency)} has ended",
            "deleted" => "Deleted",
            _ => change.Change,
        };
    }

    private static string Warns(JsonElement detail, string currency) => Number(detail, "soft_limit") is { } soft ? $"from {CostWords.Of(soft, currency)}" : "of nothing";

    private static string Amount(JsonElement detail, string name, string currency) => CostWords.Of(Number(detail, name), currency);

    private static decimal? Number(JsonElement detail, string name) =>
        detail.ValueKind == JsonValueKind.Object && detail.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDecimal() : null;

    private static string Capital(string word) => char.ToUpperInvariant(word[0]) + word[1..];
}
