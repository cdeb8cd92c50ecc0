namespace ControlCenter.Domain.Costs;

/// <summary>What a price is for.</summary>
public enum PriceMeasure
{
    /// <summary>A million tokens, in and out and from caches.</summary>
    MillionTokens,

    /// <summary>One of the module's own units.</summary>
    Unit,

    /// <summary>A use, where nothing is counted within it.</summary>
    Use,
}

/// <summary>What was metered of a module on one access path, in one currency.</summary>
/// <param name="Module">The module; null where none was named.</param>
/// <param name="Provider">Its provider.</param>
/// <param name="AccessPath">How it was reached.</param>
/// <param name="Currency">Null for uses of unknown cost.</param>
/// <param name="Cost">What the uses cost, corrections included; null where that is not known.</param>
/// <param name="Uses">How many uses.</param>
/// <param name="Units">Their units; null where none are counted.</param>
/// <param name="InTokens">Whether the units are tokens.</param>
public sealed record MeteredPath(string? Module, string? Provider, AccessPath? AccessPath, string? Currency, decimal? Cost, long Uses, decimal? Units, bool InTokens);

/// <summary>What invoices brought into the books beside what was metered.</summary>
/// <param name="Provider">Who billed.</param>
/// <param name="Module">For which module; null for all of the provider's.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="Amount">The difference to what was metered; may be below zero.</param>
public sealed record InvoicedDifference(string? Provider, string? Module, string Currency, decimal Amount);

/// <summary>What a module really cost on an access path (CO-06).</summary>
/// <param name="Module">The module.</param>
/// <param name="Provider">Its provider.</param>
/// <param name="AccessPath">How it was reached.</param>
/// <param name="Measure">What the price is for.</param>
/// <param name="Price">The price; null where it is not known.</param>
/// <param name="Currency">ISO 4217; null where no cost is known.</param>
/// <param name="Cost">What was paid in all; null where that is not known.</param>
/// <param name="Invoiced">The part of it that came by invoices beside what was metered.</param>
/// <param name="Uses">How many uses.</param>
/// <param name="Units">What they used, where that is counted.</param>
/// <param name="UnknownUses">Uses whose cost is not known, and which the price leaves out.</param>
public sealed record EffectivePrice(
    string? Module, string? Provider, AccessPath? AccessPath, PriceMeasure Measure, decimal? Price, string? Currency, decimal? Cost, decimal Invoiced, long Uses, decimal? Units, long UnknownUses);

/// <summary>Reckons what was really paid for a unit, so that ways of paying can be compared.</summary>
public static class EffectivePrices
{
    private const decimal Million = 1_000_000m;

    /// <summary>The prices, each measure's cheapest first and the unknown ones last.</summary>
    /// <remarks>
    /// A bill is for everything that was used. So what it adds is laid to the module's (or the provider's) paths by what they cost,
    /// or by what they used where no cost is known; and uses of unknown cost that a bill covers count in the price.
    /// </remarks>
    public static IReadOnlyList<EffectivePrice> Of(IReadOnlyList<MeteredPath> metered, IReadOnlyList<InvoicedDifference> invoiced)
    {
        var rows = metered.GroupBy(m => (m.Module, m.Provider, m.AccessPath)).SelectMany(Rows).ToList();
        foreach (var bill in invoiced)
        {
            Lay(bill, rows);
        }

        return
        [
            .. rows.Select(PriceOf).OrderBy(p => p.Measure).ThenBy(p => p.Price is null).ThenBy(p => p.Currency, StringComparer.Ordinal).ThenBy(p => p.Price)
                .ThenBy(p => p.Module, StringComparer.Ordinal),
        ];
    }

    // Uses of unknown cost belong to the one currency that is known of their path; where there are several, to none.
    private static IEnumerable<Row> Rows(IGrouping<(string? Module, string? Provider, AccessPath? AccessPath), MeteredPath> path)
    {
        var inTokens = path.Any(p => p.InTokens);
        Row RowOf(string? currency, MeteredPath[] known, MeteredPath[] unknown) => new(path.Key.Module, path.Key.Provider, path.Key.AccessPath, inTokens)
        {
            Currency = currency,
            Cost = known.Length == 0 ? null : known.Sum(k => k.Cost ?? 0),
            Uses = known.Sum(k => k.Uses),
            Units = Sum(known.Select(k => k.Units)),
            UnknownUses = unknown.Sum(u => u.Uses),
            UnknownUnits = Sum(unknown.Select(u => u.Units)),
        };

        var withoutCost = path.Where(p => p.Currency is null).ToArray();
        var currencies = path.Where(p => p.Currency is not null).GroupBy(p => p.Currency, StringComparer.Ordinal).ToList();
        return currencies.Count == 1 ? [RowOf(currencies[0].Key, [.. currencies[0]], withoutCost)]
            : currencies.Select(c => RowOf(c.Key, [.. c], [])).Concat(withoutCost.Length > 0 ? [RowOf(null, [], withoutCost)] : []);
    }

    private static void Lay(InvoicedDifference bill, List<Row> rows)
    {
        var covered = rows.FindAll(r => r.Provider == bill.Provider && (bill.Module is null || r.Module == bill.Module) && (r.Currency is null || r.Currency == bill.Currency));
        if (covered.Count == 0)
        {
            rows.Add(new Row(bill.Module, bill.Provider, null, InTokens: false) { Currency = bill.Currency, Cost = bill.Amount, Invoiced = bill.Amount });
            return;
        }

        Func<Row, decimal> weight = covered.Sum(r => r.Cost ?? 0) > 0 ? r => r.Cost ?? 0 : covered.Sum(r => r.AllUnits ?? 0) > 0 ? r => r.AllUnits ?? 0 : r => r.Uses + r.UnknownUses;
        var all = covered.Sum(weight);
        foreach (var row in covered)
        {
            var share = all == 0 ? bill.Amount / covered.Count : bill.Amount * weight(row) / all;
            (row.Currency, row.Cost, row.Invoiced, row.IsBilled) = (bill.Currency, (row.Cost ?? 0) + share, row.Invoiced + share, true);
        }
    }

    private static EffectivePrice PriceOf(Row row)
    {
        var units = row.IsBilled ? row.AllUnits : row.Units;
        var uses = row.IsBilled ? row.Uses + row.UnknownUses : row.Uses;
        var (measure, count) = row.InTokens ? (PriceMeasure.MillionTokens, units / Million) : row.AllUnits is not null ? (PriceMeasure.Unit, units) : (PriceMeasure.Use, uses);
        return new EffectivePrice(
            row.Module, row.Provider, row.AccessPath, measure, row.Cost is { } cost && count > 0 ? Math.Round(cost / count.Value, 12) : null, row.Currency, row.Cost, row.Invoiced,
            row.Uses + row.UnknownUses, row.AllUnits, row.IsBilled ? 0 : row.UnknownUses);
    }

    private static decimal? Sum(IEnumerable<decimal?> amounts) => amounts.OfType<decimal>().ToList() is { Count: > 0 } known ? known.Sum() : null;

    private sealed record Row(string? Module, string? Provider, AccessPath? AccessPath, bool InTokens)
    {
        public string? Currency { get; set; }

        public decimal? Cost { get; set; }

        public decimal Invoiced { get; set; }

        public bool IsBilled { get; set; }

        public long Uses { get; init; }

        public decimal? Units { get; init; }

        public long UnknownUses { get; init; }

        public decimal? UnknownUnits { get; init; }

        public decimal? AllUnits => Units is null ? UnknownUnits : Units + (UnknownUnits ?? 0);
    }
}
