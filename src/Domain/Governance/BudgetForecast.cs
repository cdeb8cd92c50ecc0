namespace ControlCenter.Domain.Governance;

/// <summary>What was spent within one equal stretch of time.</summary>
/// <param name="Start">When it began.</param>
/// <param name="Spent">How much. A stretch in which nothing was spent is one with zero, and not left out.</param>
public readonly record struct SpendBucket(DateTimeOffset Start, decimal Spent);

/// <summary>Where a budget's spending is heading (GV-26).</summary>
/// <param name="PerHour">The burn rate: what is spent in an hour, as of late.</param>
/// <param name="Expected">What will be spent by the period's end; null for a budget for good.</param>
/// <param name="Low">It will hardly be less.</param>
/// <param name="High">It will hardly be more.</param>
/// <param name="ExhaustedAt">When the limit is reached at this rate; null where it is not before the period's end.</param>
/// <param name="EarliestExhaustedAt">It will hardly be earlier; null where even that is after the period's end.</param>
/// <param name="LatestExhaustedAt">It will hardly be later; null where it may well not be reached at all.</param>
public sealed record BudgetForecast(
    decimal PerHour, decimal? Expected, decimal? Low, decimal? High,
    DateTimeOffset? ExhaustedAt, DateTimeOffset? EarliestExhaustedAt, DateTimeOffset? LatestExhaustedAt)
{
    /// <summary>Fewer stretches than this say nothing about the next.</summary>
    public const int FewestBuckets = 4;

    // Four times in five the outcome is within the band, if spending goes on as it has: one time in ten it is beyond either end.
    private const double Band = 1.2816;

    /// <summary>
    /// Looks ahead: the mean of what was spent in the stretches seen, and a band that widens with how unevenly it was spent,
    /// with how far ahead the end is, and with how little has been seen.
    /// </summary>
    /// <param name="seen">Stretches of equal length that have ended, oldest first.</param>
    /// <param name="length">How long each is.</param>
    /// <param name="now">The moment.</param>
    /// <param name="periodEnd">The end of the budget's period; null for a budget for good.</param>
    /// <param name="taken">What is spent in this period so far.</param>
    /// <param name="limit">What may be spent in it.</param>
    /// <param name="underWay">What was spent in the stretch that has not ended. If that is more than a whole one usually is, it counts as one: a burst is seen while it lasts.</param>
    /// <returns>Null where too little has been seen to say anything.</returns>
    public static BudgetForecast? Of(
        IReadOnlyList<SpendBucket> seen, TimeSpan length, DateTimeOffset now, DateTimeOffset? periodEnd, decimal taken, decimal limit, decimal underWay = 0)
    {
        if (seen.Count < FewestBuckets)
        {
            return null;
        }

        if (underWay > Math.Max(seen.Average(b => b.Spent), 0))
        {
            seen = [.. seen, new SpendBucket(seen[^1].Start + length, underWay)];
        }

        var mean = seen.Average(b => b.Spent);
        var variance = seen.Sum(b => Math.Pow((double)(b.Spent - mean), 2)) / (seen.Count - 1);
        var perHour = mean * (decimal)(TimeSpan.FromHours(1) / length);

        // Corrections can make the spending of a while negative; what is ahead is not.
        var rate = Math.Max(mean, 0);
        decimal? expected = null, low = null, high = null;
        if (periodEnd is { } end)
        {
            var ahead = Math.Max((end - now) / length, 0);
            var more = (double)rate * ahead;
            var spread = Band * SpreadOf(variance, ahead, seen.Count);
            (expected, low, high) = (taken + (decimal)more, taken + (decimal)Math.Max(more - spread, 0), taken + (decimal)(more + spread));
        }

        var room = (double)(limit - taken);
        return new BudgetForecast(
            perHour, expected, low, high,
            Reached(room, ahead => (double)rate * ahead),
            Reached(room, ahead => ((double)rate * ahead) + (Band * SpreadOf(variance, ahead, seen.Count))),
            Reached(room, ahead => ((double)rate * ahead) - (Band * SpreadOf(variance, ahead, seen.Count))));

        DateTimeOffset? Reached(double room, Func<double, double> spentAfter) =>
            WhenReached(room, spentAfter, now, length, periodEnd);
    }

    // The spread of a sum of so many stretches, and of the mean that they were guessed by.
    private static double SpreadOf(double variance, double ahead, int seen) => Math.Sqrt(variance * (ahead + (ahead * ahead / seen)));

    // Looked for by halving: each curve is beyond the limit for good once it has passed it within the period.
    private static DateTimeOffset? WhenReached(double room, Func<double, double> spentAfter, DateTimeOffset now, TimeSpan length, DateTimeOffset? periodEnd)
    {
        if (room <= 0)
        {
            return now;
        }

        // For a budget for good: nobody plans for more than ten years.
        var furthest = ((periodEnd ?? now.AddYears(10)) - now) / length;
        if (furthest <= 0 || spentAfter(furthest) < room)
        {
            return null;
        }

        var (near, far) = (0d, furthest);
        for (var i = 0; i < 60; i++)
        {
            var middle = (near + far) / 2;
            (near, far) = spentAfter(middle) < room ? (middle, far) : (near, middle);
        }

        return now + (far * length);
    }
}
