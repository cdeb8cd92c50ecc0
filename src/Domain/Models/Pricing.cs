using ControlCenter.Domain.Costs;

namespace ControlCenter.Domain.Models;

/// <summary>What a usage costs, and how well that is known.</summary>
/// <param name="Cost">Null when it is not known: never zero for want of knowledge (CO-14).</param>
/// <param name="Knowledge">How well.</param>
public readonly record struct PricedUsage(Money? Cost, CostKnowledge Knowledge)
{
    /// <summary>Nobody knows.</summary>
    public static readonly PricedUsage Unknown = new(null, CostKnowledge.Unknown);
}

/// <summary>Reckons what calls cost.</summary>
public static class Pricing
{
    private const decimal Million = 1_000_000m;

    /// <summary>What a call that used this came to.</summary>
    /// <param name="price">The price in force when it began; null where there is none.</param>
    /// <param name="usage">By the provider's count, or by an estimate.</param>
    /// <param name="took">From the request to the last byte.</param>
    /// <param name="isEstimate">Whether a part of the usage is one.</param>
    public static PricedUsage Of(Price? price, TokenUsage usage, TimeSpan took, bool isEstimate)
    {
        if (price is null)
        {
            return PricedUsage.Unknown;
        }

        // A machine that serves several calls at once is shared by them: its hours, counted for each, are an estimate.
        if (price.PerHour is { } hourly)
        {
            return new PricedUsage(new Money((hourly * took.Ticks / TimeSpan.TicksPerHour) + Tokens(price, usage), price.Currency), CostKnowledge.Estimated);
        }

        // Nobody bills for the call: it is a part of what the month's fee allows.
        if (price.Subscription is { } subscription)
        {
            return subscription.CountsCalls || usage is { Input: not null, Output: not null }
                ? new PricedUsage(new Money(subscription.ShareOf(1, AllTokens(usage)) + Tokens(price, usage), price.Currency), CostKnowledge.Estimated)
                : PricedUsage.Unknown;
        }

        if (usage is not { Input: not null, Output: not null })
        {
            return PricedUsage.Unknown;
        }

        var hasAllPrices = (usage.CacheRead is null or 0 || price.CacheRead is not null) && (usage.CacheWrite is null or 0 || price.CacheWrite is not null);
        return new PricedUsage(new Money(Tokens(price, usage), price.Currency), isEstimate || !hasAllPrices ? CostKnowledge.Estimated : CostKnowledge.Exact);
    }

    /// <summary>The most that a call can come to: all of its input at the dearest rate, and all the output that it allows.</summary>
    public static Money WorstCase(Price price, long inputTokens, long outputTokens)
    {
        var input = Math.Max(price.Input, Math.Max(price.CacheWrite ?? 0, price.CacheRead ?? 0));
        var output = Math.Max(price.Output, price.Reasoning ?? 0);
        var share = price.Subscription?.ShareOf(1, inputTokens + outputTokens) ?? 0;
        return new Money((((input * inputTokens) + (output * outputTokens)) / Million) + share, price.Currency);
    }

    private static decimal AllTokens(TokenUsage usage) => (usage.Input ?? 0) + (usage.Output ?? 0) + (usage.CacheRead ?? 0) + (usage.CacheWrite ?? 0);

    // A cache that has no price of its own is reckoned at the input's: nearer than nothing, and said to be an estimate.
    private static decimal Tokens(Price price, TokenUsage usage)
    {
        var reasoning = price.Reasoning is null ? 0 : Math.Min(usage.Reasoning ?? 0, usage.Output ?? 0);
        return ((price.Input * (usage.Input ?? 0))
            + (price.Output * ((usage.Output ?? 0) - reasoning))
            + ((price.Reasoning ?? 0) * reasoning)
            + ((price.CacheRead ?? price.Input) * (usage.CacheRead ?? 0))
            + ((price.CacheWrite ?? price.Input) * (usage.CacheWrite ?? 0))) / Million;
    }
}
