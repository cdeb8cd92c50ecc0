using System.Globalization;
using ControlCenter.Domain.Costs;

namespace ControlCenter.Dashboard.Costs;

/// <summary>Prices as they are read.</summary>
internal static class PriceWords
{
    /// <summary>What a price is for.</summary>
    public static string MeasureOf(PriceMeasure measure) => measure switch
    {
        PriceMeasure.MillionTokens => "a million tokens",
        PriceMeasure.Unit => "a unit",
        _ => "a use",
    };

    /// <summary>How many times the cheapest of the same measure and currency; nothing where there is nothing to compare with.</summary>
    public static string Against(EffectivePrice row, IReadOnlyList<EffectivePrice> all)
    {
        var comparable = all.Where(p => p.Measure == row.Measure && p.Currency == row.Currency && p.Price is not null).ToList();
        return row.Price is not { } price || comparable.Count < 2 ? "–"
            : comparable.Min(p => p.Price) is var least && price == least ? "cheapest"
            : least > 0 ? string.Create(CultureInfo.InvariantCulture, $"{price / least:0.0} ×") : "–";
    }

    /// <summary>A difference, with its sign.</summary>
    public static string Signed(decimal amount, string currency) => $"{(amount > 0 ? "+" : "")}{CostWords.Of(amount, currency)}";
}
