using ControlCenter.Domain.Costs;

namespace ControlCenter.Domain.Models;

/// <summary>A use that was recorded, and what it counts for by now.</summary>
/// <param name="Use">As it was recorded.</param>
/// <param name="Counted">What it and the entries that repriced it before add up to, by currency.</param>
/// <param name="IsKnown">Whether its cost is known by now.</param>
public sealed record PricedUse(CostEvent Use, IReadOnlyDictionary<string, decimal> Counted, bool IsKnown);

/// <summary>A month's difference, for a module and a currency.</summary>
/// <param name="Module">Which module.</param>
/// <param name="Month">The first moment of the month (UTC).</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="Uses">How many uses it is about.</param>
/// <param name="MadeKnown">How many of them had no known cost.</param>
/// <param name="Before">What they count for.</param>
/// <param name="After">What they come to at the price in force.</param>
public sealed record RepricedMonth(string Module, DateTimeOffset Month, string Currency, long Uses, long MadeKnown, decimal Before, decimal After)
{
    /// <summary>What has to be booked.</summary>
    public decimal Difference => After - Before;
}

/// <summary>Reckons recorded uses anew by a price that was corrected (CO-07).</summary>
public static class Repricing
{
    /// <summary>The entries that bring what is counted of a use to its price: none if it is there already.</summary>
    /// <param name="priced">The use.</param>
    /// <param name="price">The price that was in force when it arose.</param>
    /// <param name="actor">Who has it repriced.</param>
    /// <param name="newId">Gives ids.</param>
    /// <remarks>They arise when the use did, so that its own periods are put right. A price in another currency takes the old amount back in its own.</remarks>
    public static IReadOnlyList<CostEvent> Entries(PricedUse priced, Price price, Guid actor, Func<Guid> newId)
    {
        var reckoned = Reckon(priced.Use, price);
        if (reckoned.Cost is not { } cost)
        {
            return [];
        }

        var entries = new List<CostEvent>();
        foreach (var currency in priced.Counted.Keys.Append(cost.Currency).Distinct(StringComparer.Ordinal))
        {
            // What the database keeps has twelve decimals: more would be found as a difference for ever.
            var target = currency == cost.Currency ? decimal.Round(cost.Amount, 12, MidpointRounding.AwayFromZero) : 0;
            var difference = target - priced.Counted.GetValueOrDefault(currency);
            if (difference != 0 || (!priced.IsKnown && currency == cost.Currency))
            {
                entries.Add(EntryOf(priced.Use, price, difference, currency, reckoned.Knowledge) with { EventId = newId(), Attribution = priced.Use.Attribution with { ActorId = actor } });
            }
        }

        return entries;
    }

    // What was not exact before does not become so by another price.
    private static PricedUsage Reckon(CostEvent use, Price price) =>
        Pricing.Of(price, use.Tokens, TimeSpan.FromMilliseconds(use.LatencyMs ?? 0), isEstimate: use.Knowledge != CostKnowledge.Exact);

    private static CostEvent EntryOf(CostEvent use, Price price, decimal difference, string currency, CostKnowledge knowledge) => new()
    {
        EventId = use.EventId,
        At = use.At,
        Attribution = use.Attribution,
        ModuleId = use.ModuleId,
        Provider = use.Provider,
        AccessPath = use.AccessPath,
        EstimatedCost = difference,
        Currency = currency,
        Knowledge = knowledge,
        PriceId = price.Id,
        Corrects = use.EventId,
        Notes = "Repriced",
    };
}
