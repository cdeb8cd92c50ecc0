namespace ControlCenter.Domain.Governance;

/// <summary>What a spend breaker watches (GV-09).</summary>
public enum BreakerSignal
{
    /// <summary>Money in an hour.</summary>
    SpendRate,

    /// <summary>The share of calls that failed; one that a provider asked to make later has not.</summary>
    ErrorRate,

    /// <summary>Retries for each call.</summary>
    RetryRate,
}

/// <summary>What was counted in a stretch of time.</summary>
/// <param name="Spent">Money, in the policy's currency.</param>
/// <param name="Calls">Calls that have ended.</param>
/// <param name="Failures">How many of them failed.</param>
/// <param name="Retries">Attempts after the first.</param>
public readonly record struct BreakerCounts(decimal Spent, long Calls, long Failures, long Retries);

/// <summary>
/// When calls are kept away from whoever spends too fast, and how they are let back. It opens where both of two windows, a short and a
/// long one, are beyond so many times the allowed rate: what is over already does not open it, and neither does a moment's peak.
/// </summary>
/// <param name="Name">Its name.</param>
/// <param name="Scope">Whose spending.</param>
/// <param name="ScopeId">Which one; empty for each of that scope, apart.</param>
/// <param name="Signal">What is watched.</param>
/// <param name="Allowed">The rate that is as it should be: money an hour, a share from 0 to 1, retries a call.</param>
/// <param name="Times">Beyond so many times that it opens.</param>
/// <param name="Currency">Of the money.</param>
/// <param name="ShortSeconds">The short window.</param>
/// <param name="LongSeconds">The long window.</param>
/// <param name="FewestCalls">Fewer in a window say nothing of errors and retries.</param>
/// <param name="OpenSeconds">How long no call passes; and then how long calls are on probation.</param>
/// <param name="ProbeCalls">The most calls on probation.</param>
/// <param name="ProbeAmount">The most that they may cost together.</param>
public sealed record SpendBreakerPolicy(
    string Name, BudgetScope Scope, string ScopeId, BreakerSignal Signal, decimal Allowed, decimal Times, string Currency,
    int ShortSeconds, int LongSeconds, int FewestCalls, int OpenSeconds, int ProbeCalls, decimal ProbeAmount)
{
    /// <summary>The longest window: what is counted is kept for so long.</summary>
    public const int LongestSeconds = 86_400;

    /// <summary>Counts are by the minute.</summary>
    public const int ShortestSeconds = 60;

    /// <summary>Beyond this it opens.</summary>
    public decimal Threshold => Allowed * Times;

    /// <summary>Whether both windows are beyond what is allowed.</summary>
    public bool IsOver(BreakerCounts inShort, BreakerCounts inLong) =>
        RateOf(inShort, ShortSeconds, FewestCalls) > Threshold && RateOf(inLong, LongSeconds, FewestCalls) > Threshold;

    /// <summary>The rate in the short window; null where too little was seen.</summary>
    public decimal? RateNow(BreakerCounts inShort) => RateOf(inShort, ShortSeconds, FewestCalls);

    /// <summary>How a probation has gone.</summary>
    /// <param name="since">What was counted since it began.</param>
    /// <param name="hasLasted">Whether it has lasted its time.</param>
    /// <param name="wasTooLittle">Whether more was asked for than probation admits.</param>
    /// <returns>True: calls pass again. False: it opens again. Null: not yet told.</returns>
    public bool? HasPassed(BreakerCounts since, bool hasLasted, bool wasTooLittle) =>
        Signal == BreakerSignal.SpendRate ? (hasLasted ? !wasTooLittle : null)
        : since.Calls < ProbeCalls ? null
        : RateOf(since, ShortSeconds, 1) <= Threshold;

    /// <summary>What is wrong with it, by field.</summary>
    public IEnumerable<(string Field, string? Problem)> Problems()
    {
        yield return ("allowed", BudgetRules.Limit(Allowed) ?? (Signal == BreakerSignal.ErrorRate && Allowed > 1 ? $"A share, from 0 to 1; {Allowed} was given." : null));
        yield return ("times", Between(Times, 1, 1000));
        yield return ("currency", BudgetRules.Currency(Currency));
        yield return ("short_seconds", Between(ShortSeconds, ShortestSeconds, LongestSeconds));
        yield return ("long_seconds", Between(LongSeconds, ShortSeconds, LongestSeconds));
        yield return ("fewest_calls", Between(FewestCalls, 1, 10_000));
        yield return ("open_seconds", Between(OpenSeconds, 1, LongestSeconds));
        yield return ("probe_calls", Between(ProbeCalls, 1, 10_000));
        yield return ("probe_amount", BudgetRules.Limit(ProbeAmount));
    }

    /// <summary>What is wrong with a policy's name, or null.</summary>
    public static string? NameProblem(string name) => name.Length is > 0 and <= 80 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_' or '.')
        ? null : $"Up to 80 lower-case letters, digits, '-', '_' and '.'; '{name}' was given.";

    /// <summary>A rate with its unit.</summary>
    public string Told(decimal rate) => Signal switch
    {
        BreakerSignal.SpendRate => $"{Number(rate)} {Currency} an hour",
        BreakerSignal.ErrorRate => $"{Number(rate * 100)} % of calls failed",
        _ => $"{Number(rate)} retries a call",
    };

    private static string Number(decimal rate) => rate.ToString(rate >= 1 ? "0.##" : "0.######", System.Globalization.CultureInfo.InvariantCulture);

    private static string? Between(decimal given, decimal least, decimal most) => given < least || given > most ? $"From {least} to {most}; {given} was given." : null;

    private decimal? RateOf(BreakerCounts counts, int seconds, int fewestCalls) =>
        Signal == BreakerSignal.SpendRate ? counts.Spent * 3600 / seconds
        : counts.Calls < fewestCalls ? null
        : (decimal)(Signal == BreakerSignal.ErrorRate ? counts.Failures : counts.Retries) / counts.Calls;
}
