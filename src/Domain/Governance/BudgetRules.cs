using ControlCenter.Domain.Costs;

namespace ControlCenter.Domain.Governance;

/// <summary>How a budget stands.</summary>
public enum BudgetState
{
    /// <summary>There is room.</summary>
    WithinLimits,

    /// <summary>Its soft limit is reached: a warning, and nothing is stopped.</summary>
    OverSoftLimit,

    /// <summary>Its hard limit is reached, or something did not fit any more: nothing more is spent.</summary>
    Exhausted,
}

/// <summary>What a budget's numbers may be.</summary>
public static class BudgetRules
{
    /// <summary>The largest limit: what <c>numeric(24, 12)</c> holds.</summary>
    public const decimal LargestAmount = 999_999_999_999m;

    /// <summary>The longest that an override may last; who wants more raises the limit.</summary>
    public const int LongestOverrideSeconds = 90 * 86_400;

    /// <summary>What is wrong with a limit, or null.</summary>
    public static string? Limit(decimal? amount) =>
        amount is not { } given ? null
        : given is < 0 or > LargestAmount ? $"From 0 to {LargestAmount}; {given} was given."
        : given.Scale > 12 && given != decimal.Round(given, 12) ? "At the most twelve digits after the point."
        : null;

    /// <summary>What is wrong with a soft limit beside its hard one, or null.</summary>
    public static string? Soft(decimal? soft, decimal hard) =>
        Limit(soft) ?? (soft > hard ? $"It warns before the hard limit of {Plain(hard)}, so it cannot be above it; {soft} was given." : null);

    /// <summary>An amount without the zeros at its end that a database keeps.</summary>
    public static decimal Plain(decimal amount) => amount / 1.000000000000000000000000000m;

    /// <summary>What is wrong with a currency, or null.</summary>
    public static string? Currency(string? currency) =>
        currency is null || Money.IsCurrency(currency) ? null : $"Three upper-case letters (ISO 4217), such as USD; '{currency}' was given.";

    /// <summary>How a budget stands.</summary>
    /// <param name="spent">What was spent in its period.</param>
    /// <param name="soft">Its soft limit.</param>
    /// <param name="limit">Its hard limit with the overrides in force.</param>
    /// <param name="isBreached">Whether something was refused in this period and nothing has changed since.</param>
    public static BudgetState StateOf(decimal spent, decimal? soft, decimal limit, bool isBreached) =>
        isBreached || (spent > 0 && spent >= limit) ? BudgetState.Exhausted
        : spent >= soft ? BudgetState.OverSoftLimit
        : BudgetState.WithinLimits;

    /// <summary>How much more is proposed when a budget is used up: what it is over by, and half of it again, or what was refused if that is more.</summary>
    /// <param name="hardLimit">The limit as it was set.</param>
    /// <param name="limitNow">The limit with the overrides in force.</param>
    /// <param name="taken">What is spent and set aside.</param>
    /// <param name="refused">What did not fit.</param>
    public static decimal ProposedRaise(decimal hardLimit, decimal limitNow, decimal taken, decimal? refused)
    {
        var room = Math.Max(decimal.Round(hardLimit / 2, 12), refused ?? 0);
        return Math.Max(taken - limitNow, 0) + (room > 0 ? room : 1);
    }
}
