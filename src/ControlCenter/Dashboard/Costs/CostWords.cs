using System.Globalization;

namespace ControlCenter.Dashboard.Costs;

/// <summary>Amounts and shares as they are read.</summary>
internal static class CostWords
{
    /// <summary>An amount, with as many decimals as it needs to be told from nothing; not known is not zero.</summary>
    public static string Of(decimal? amount, string currency) => amount is not { } known ? "Unknown" : $"{Number(known)} {currency}";

    /// <summary>The amount alone.</summary>
    public static string Number(decimal amount) => Math.Abs(amount) switch
    {
        0 => "0",
        >= 1000 => amount.ToString("#,0", CultureInfo.InvariantCulture),
        >= 0.1m => amount.ToString("0.00", CultureInfo.InvariantCulture),
        >= 0.0001m => amount.ToString("0.0000", CultureInfo.InvariantCulture),
        _ => amount.ToString("0.############", CultureInfo.InvariantCulture),
    };

    /// <summary>A part of a whole; nothing of nothing is no share.</summary>
    public static string Share(decimal part, decimal whole) =>
        whole == 0 ? "–" : part == 0 ? "0 %" : (part / whole * 100) is var percent && percent < 0.1m ? "< 0.1 %" : percent.ToString("0.#", CultureInfo.InvariantCulture) + " %";

    /// <summary>A count.</summary>
    public static string Count(long count) => count.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>How far a metering was off.</summary>
    public static string Error(decimal? percent) => percent is not { } known ? "–" : known.ToString("+0.##;-0.##;0", CultureInfo.InvariantCulture) + " %";

    /// <summary>A day.</summary>
    public static string Day(DateOnly day) => day.ToString("d MMM yyyy", CultureInfo.InvariantCulture);

    /// <summary>From a day to the day before another, as invoices say it.</summary>
    public static string Days(DateOnly from, DateOnly to) => $"{Day(from)} – {Day(to.AddDays(-1))}";
}
