using System.Globalization;
using ControlCenter.Dashboard.Costs;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Governance;

namespace ControlCenter.Dashboard.Budgets;

/// <summary>Breakers of spending in words.</summary>
internal static class BreakerWords
{
    /// <summary>What it keeps calls away from: <c>Agent Ada</c>.</summary>
    public static string Of(SpendBreakerView breaker) =>
        breaker.Scope == BudgetScope.Global ? "Everything" : $"{BudgetWords.Word(breaker.Scope)} {breaker.ScopeName ?? breaker.ScopeId}";

    /// <summary>When it opens, in a sentence.</summary>
    public static string Of(BreakerPolicyView policy)
    {
        var whose = policy.Scope == BudgetScope.Global ? "Everything" : policy.ScopeId is null ? $"Each {policy.Scope.Wire()}" : $"{BudgetWords.Word(policy.Scope)} {policy.ScopeName ?? policy.ScopeId}";
        return $"{whose}: opens beyond {Rate(policy.Signal, policy.Threshold, policy.Currency)}, over {Span(policy.ShortSeconds)} and over {Span(policy.LongSeconds)}";
    }

    /// <summary>What else is to be known of a policy.</summary>
    public static string Rest(BreakerPolicyView policy) =>
        $"open for {Span(policy.OpenSeconds)}, then {policy.ProbeCalls} {(policy.ProbeCalls == 1 ? "call" : "calls")} of {CostWords.Of(policy.ProbeAmount, policy.Currency)} at the most"
        + (policy.Signal == BreakerSignal.SpendRate ? "" : $"; judged by {policy.FewestCalls} calls or more");

    /// <summary>A rate with its unit.</summary>
    public static string Rate(BreakerSignal signal, decimal rate, string currency) => signal switch
    {
        BreakerSignal.SpendRate => $"{CostWords.Of(rate, currency)} an hour",
        BreakerSignal.ErrorRate => $"{CostWords.Share(rate, 1)} failed calls",
        _ => $"{rate.ToString("0.##", CultureInfo.InvariantCulture)} retries a call",
    };

    /// <summary>What is watched.</summary>
    public static string Word(BreakerSignal signal) => signal switch
    {
        BreakerSignal.SpendRate => "How fast money is spent",
        BreakerSignal.ErrorRate => "How many calls fail",
        _ => "How often calls are retried",
    };

    /// <summary>What is allowed, and in which unit.</summary>
    public static string Unit(BreakerSignal signal) => signal switch
    {
        BreakerSignal.SpendRate => "Allowed an hour",
        BreakerSignal.ErrorRate => "Allowed failures (%)",
        _ => "Allowed retries a call",
    };

    /// <summary>How it looks.</summary>
    public static StatusLook Look(BreakerState state) => state == BreakerState.HalfOpen ? new("warn", "clock", "On probation") : new("bad", "stop", "Open");

    private static string Span(int seconds) => seconds % 3600 == 0 ? $"{seconds / 3600} h" : seconds % 60 == 0 ? $"{seconds / 60} min" : $"{seconds} s";
}
