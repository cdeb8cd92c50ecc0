namespace ControlCenter.Domain.Costs;

/// <summary>What an invoice says of a module, beside what was metered of it.</summary>
/// <param name="ModuleId">The module; null for all that the invoice names no module for.</param>
/// <param name="Billed">What the invoice says.</param>
/// <param name="Metered">What was counted before it came; null if nothing was.</param>
/// <param name="Difference">What brings the two into line.</param>
public sealed record ReconciledModule(string? ModuleId, decimal Billed, decimal? Metered, decimal Difference)
{
    /// <summary>How far the metering was off, in percent of the bill; null where nothing was metered or billed.</summary>
    public decimal? ErrorPercent => InvoiceReconciliation.ErrorOf(Billed, Metered);
}

/// <summary>An invoice set against what was metered of the same provider, time and currency.</summary>
/// <param name="Modules">By module where the invoice names modules; what it bills without one is set against what no line names.</param>
public sealed record InvoiceReconciliation(IReadOnlyList<ReconciledModule> Modules)
{
    /// <summary>What the invoice says in all.</summary>
    public decimal Billed => Modules.Sum(m => m.Billed);

    /// <summary>What was counted in all; null if nothing was.</summary>
    public decimal? Metered => Modules.All(m => m.Metered is null) ? null : Modules.Sum(m => m.Metered ?? 0);

    /// <summary>What brings the two into line.</summary>
    public decimal Difference => Modules.Sum(m => m.Difference);

    /// <summary>How far the metering was off, in percent of the bill.</summary>
    public decimal? ErrorPercent => ErrorOf(Billed, Metered);

    /// <summary>Sets the two against each other.</summary>
    /// <param name="lines">The invoice's.</param>
    /// <param name="metered">What was counted of each module; of none under the empty name.</param>
    public static InvoiceReconciliation Of(IReadOnlyList<InvoiceLine> lines, IReadOnlyDictionary<string, decimal> metered)
    {
        var named = lines.Where(l => l.ModuleId is not null).GroupBy(l => l.ModuleId!, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Sum(l => l.Amount), StringComparer.Ordinal);
        var modules = named.Select(n => Row(n.Key, n.Value, metered.TryGetValue(n.Key, out var counted) ? counted : null)).OrderBy(m => m.ModuleId, StringComparer.Ordinal).ToList();
        var rest = metered.Where(m => !named.ContainsKey(m.Key)).ToList();
        if (rest.Count > 0 || lines.Any(l => l.ModuleId is null))
        {
            modules.Add(Row(null, lines.Where(l => l.ModuleId is null).Sum(l => l.Amount), rest.Count == 0 ? null : rest.Sum(m => m.Value)));
        }

        return new InvoiceReconciliation(modules);

        static ReconciledModule Row(string? module, decimal billed, decimal? counted) => new(module, billed, counted, billed - (counted ?? 0));
    }

    /// <summary>How far a metering was off, in percent of the bill; null where nothing was metered or billed.</summary>
    public static decimal? ErrorOf(decimal billed, decimal? metered) => metered is { } known && billed != 0 ? Money.Plain(Math.Round((known - billed) / billed * 100, 2)) : null;
}
