using System.Globalization;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Models;

namespace ControlCenter.Dashboard.Models;

/// <summary>Models and their calls in words.</summary>
internal static class ModelWords
{
    /// <summary>What a catalogue's text looks like.</summary>
    public const string Example =
        """
        {
          "providers": [
            { "id": "anthropic", "endpoint": "https://api.anthropic.com", "dialect": "anthropic", "credential": "env:ANTHROPIC_API_KEY" }
          ],
          "modules": [
            { "id": "writer", "provider": "anthropic", "upstream_model": "the-provider's-name", "context_window": 200000 }
          ],
          "prices": [
            { "module": "writer", "effective_from": "2026-01-01T00:00:00Z", "currency": "USD", "input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75 }
          ],
          "routes": [
            { "alias": "default", "modules": ["writer"] }
          ]
        }
        """;

    /// <summary>How a module is, as it was seen: one that has not been called lately is not known to be well.</summary>
    public static StatusLook Look(ModuleStanding module) => module.Breaker.Health switch
    {
        ModuleHealth.Healthy when module.Windows.Any(w => w.UsedShare >= 1) => new("info", "clock", "Window used up"),
        ModuleHealth.Healthy when module.Lately is null => new("", "question", "Not called lately"),
        ModuleHealth.Healthy => new("good", "check", "Healthy"),
        ModuleHealth.Degraded => new("warn", "alert", $"{module.Breaker.Failures} failed in a row"),
        ModuleHealth.Throttled => new("info", "clock", "Asks for patience"),
        _ => new("bad", "plug", module.Breaker.State == BreakerState.HalfOpen ? "Being tried" : "Left alone"),
    };

    /// <summary>How a call ended.</summary>
    public static StatusLook Look(DecisionRow decision) => (decision.Ended, decision.Refusal) switch
    {
        (_, { } refusal) => new("warn", "lock", Spoken(refusal)),
        (Domain.Costs.CallEnd.Completed, _) => new("good", "check", "Answered"),
        (Domain.Costs.CallEnd.CutByClient, _) => new("", "stop", "Caller left"),
        (Domain.Costs.CallEnd.CutByUpstream, _) => new("bad", "plug", "Broke off"),
        (Domain.Costs.CallEnd.Throttled, _) => new("info", "clock", "Throttled"),
        _ => new("bad", "x", "Failed"),
    };

    /// <summary>One step, as a sentence without its full stop.</summary>
    public static string Step(RoutingStep step) => step.What switch
    {
        "answered" => $"{step.Module} answered{(step.Why is { } why ? $" as {why}" : "")}{Took(step)}",
        "failed" => $"{step.Module} failed: {Spoken(step.Why ?? "error")}{(step.Status is { } status ? $", status {status.ToString(CultureInfo.InvariantCulture)}" : "")}{Took(step)}",
        _ => $"{step.Module} was passed over: {Spoken(step.Why ?? "")}",
    };

    /// <summary>A part of a whole.</summary>
    public static string Share(int? part, int? whole) => whole is null or 0 ? "–" : $"{(100m * (part ?? 0) / whole.Value).ToString("0.#", CultureInfo.InvariantCulture)} %";

    /// <summary>The price in force.</summary>
    public static string Price(Price? price) => price switch
    {
        null => "none: not called",
        { Subscription: { } subscription } => $"{Amount(subscription.PerMonth)} {price.Currency} a month",
        { PerHour: { } hourly } => $"{Amount(hourly)} {price.Currency} an hour",
        _ => $"{Amount(price.Input)} in, {Amount(price.Output)} out {price.Currency}",
    };

    /// <summary>How far a window is used.</summary>
    public static string Used(WindowStanding window) => string.Create(
        CultureInfo.InvariantCulture, $"{(window.Hours % 24 == 0 ? $"{window.Hours / 24} d" : $"{window.Hours} h")}: {100 * window.UsedShare:0.#} % of {window.Limit:N0} {window.Unit.Wire()}");

    /// <summary>What a subscription has come to for what was used of it; null where that cannot be told.</summary>
    public static string? Effective(ModuleStanding module) => module.Windows.MaxBy(w => w.Hours) is { FeePerUnit: { } fee } window
        ? window.Unit == WindowUnit.Tokens ? $"at this use {Amount(fee * 1_000_000)} {module.Price?.Currency} a million" : $"at this use {Amount(fee)} {module.Price?.Currency} a call"
        : null;

    /// <summary>Which calls a shadow is asked, and who scores.</summary>
    public static string Asked(ShadowStanding shadow) => shadow.Percent switch
    {
        null => "no longer asked",
        0 => "not asked: 0 % of calls",
        { } percent => $"{Amount(percent)} % of calls{(shadow.Judge is { } judge ? $", scored by {judge}" : "")}",
    };

    /// <summary>What a call would save; not known is not nothing.</summary>
    public static string Saved(ShadowStanding shadow) => (shadow.SavedPerCall, shadow.Currency) switch
    {
        ({ } saved, { } currency) => $"{(saved < 0 ? "−" : "")}{Costs.CostWords.Of(Math.Abs(saved), currency)}",
        _ => "–",
    };

    /// <summary>What both cost, and of how many comparisons that is known.</summary>
    public static string? SavedOf(ShadowStanding shadow) => shadow.Priced == 0
        ? shadow.Answered == 0 ? null : "cost not known"
        : $"{Costs.CostWords.Number(shadow.ShadowCostPerCall!.Value)} against {Costs.CostWords.Number(shadow.CostPerCall!.Value)}{(shadow.Priced < shadow.Answered ? $", of {Costs.CostWords.Count(shadow.Priced)}" : "")}";

    /// <summary>The mean scores: the shadow's, and that of the answer that the caller got.</summary>
    public static string Scored(ShadowStanding shadow) => shadow.Scoring switch
    {
        ShadowScoring.Scored => string.Create(CultureInfo.InvariantCulture, $"{shadow.ShadowScore:0.#} against {shadow.Score:0.#}"),
        ShadowScoring.NoneYet => "none yet",
        _ => "no judge",
    };

    private static string Took(RoutingStep step) => step.TookMs is { } ms ? $" after {ms.ToString(CultureInfo.InvariantCulture)} ms" : "";

    private static string Amount(decimal amount) => amount.ToString("0.####", CultureInfo.InvariantCulture);

    private static string Spoken(string word) => word switch
    {
        "other_dialect" => "it speaks another dialect",
        "less_trusted" => "it is trusted less than the first",
        "ended" => "its provider has ended it",
        "window_used_up" => "its subscription's window is used up",
        "unpriced" => "it has no price",
        "breaker_open" => "left alone after failures",
        "enough_tried" => "enough had been tried",
        "no_larger_context" => "its context is no larger",
        "context_length" => "the input was too long for it",
        "content_policy" => "it does not answer this",
        "no_such_model" => "its provider does not know it",
        "budget_exhausted" => "Budget used up",
        "unknown_model" => "Unknown model",
        "unpriced_module" => "No price",
        _ => word.Replace('_', ' '),
    };
}
