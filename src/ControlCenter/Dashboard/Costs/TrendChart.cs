using ControlCenter.Runtime.Costs;

namespace ControlCenter.Dashboard.Costs;

/// <summary>A part of a bar: which series it is of, and where it stands, in percent of the chart's height from the top.</summary>
public readonly record struct TrendPart(int Series, decimal Top, decimal Height, decimal Cost);

/// <summary>A bar: what was spent in one step of time.</summary>
public sealed record TrendBar(DateTimeOffset At, decimal Total, long Unknown, IReadOnlyList<TrendPart> Parts);

/// <summary>A trend made ready to be drawn: one bar a step, also where nothing was spent, the largest series at the bottom and the rest on top.</summary>
/// <param name="Bars">Oldest first.</param>
/// <param name="Top">What the chart's upper edge stands for.</param>
public sealed record TrendChart(IReadOnlyList<TrendBar> Bars, decimal Top)
{
    /// <summary>Makes it.</summary>
    /// <param name="span">The time.</param>
    /// <param name="series">The keys that have a colour of their own, the largest first.</param>
    /// <param name="ofKeys">Their points.</param>
    /// <param name="ofAll">The points of everything; what is not of a series is the rest.</param>
    public static TrendChart Of(CostSpan span, IReadOnlyList<string> series, IReadOnlyList<CostPoint> ofKeys, IReadOnlyList<CostPoint> ofAll)
    {
        var keys = ofKeys.ToLookup(p => p.At);
        var all = ofAll.ToDictionary(p => p.At);
        var top = RoundUp(ofAll.Select(p => p.Cost).DefaultIfEmpty().Max());
        var bars = new List<TrendBar>();
        for (var at = ofAll.Count > 0 ? FirstStep(span) : span.To; at < span.To; at += span.Step)
        {
            var total = all.GetValueOrDefault(at);
            var parts = new List<TrendPart>();
            var used = 0m;
            foreach (var (cost, place) in series.Select((key, i) => (keys[at].FirstOrDefault(p => p.Key == key).Cost, i)).Append((total.Cost - keys[at].Sum(p => p.Cost), series.Count)))
            {
                // A correction below zero has no height, and is in the total.
                if (cost > 0 && top > 0)
                {
                    var height = cost / top * 100;
                    used += height;
                    parts.Add(new TrendPart(place, 100 - used, height, cost));
                }
            }

            bars.Add(new TrendBar(at, total.Cost, total.Unknown, parts));
        }

        return new TrendChart(bars, top);
    }

    /// <summary>The next 1, 2 or 5 with zeros: an edge that can be read.</summary>
    public static decimal RoundUp(decimal amount)
    {
        if (amount <= 0)
        {
            return 0;
        }

        var unit = 1m;
        while (unit > amount)
        {
            unit /= 10;
        }

        while (unit * 10 <= amount)
        {
            unit *= 10;
        }

        return amount <= unit ? unit : amount <= unit * 2 ? unit * 2 : amount <= unit * 5 ? unit * 5 : unit * 10;
    }

    private static DateTimeOffset FirstStep(CostSpan span) => Domain.Costs.RollupGrains.StartOf(span.Grain, span.From);
}
