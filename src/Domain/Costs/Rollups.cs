namespace ControlCenter.Domain.Costs;

/// <summary>What costs are summed by (blueprint 8.14.1, stage 4).</summary>
public enum RollupDimension
{
    /// <summary>The activity, as its client names it.</summary>
    Activity,

    /// <summary>The task.</summary>
    Task,

    /// <summary>The ticket.</summary>
    Ticket,

    /// <summary>The project.</summary>
    Project,

    /// <summary>The module.</summary>
    Module,

    /// <summary>Its provider.</summary>
    Provider,

    /// <summary>How it was reached.</summary>
    AccessPath,

    /// <summary>The agent.</summary>
    Agent,

    /// <summary>The machine.</summary>
    Node,

    /// <summary>PRD, TST, DEV or LOC.</summary>
    Environment,

    /// <summary>What the agent runs in.</summary>
    Surface,
}

/// <summary>How long a period is. All of them begin in UTC.</summary>
public enum RollupGrain
{
    /// <summary>An hour.</summary>
    Hour,

    /// <summary>A day.</summary>
    Day,

    /// <summary>A week, which begins on Monday (ISO 8601).</summary>
    Week,

    /// <summary>A month.</summary>
    Month,
}

/// <summary>Where periods begin and end.</summary>
public static class RollupGrains
{
    /// <summary>The beginning of the period that a time is in.</summary>
    public static DateTimeOffset StartOf(this RollupGrain grain, DateTimeOffset at)
    {
        var utc = at.UtcDateTime;
        var start = grain switch
        {
            RollupGrain.Hour => utc.Date.AddHours(utc.Hour),
            RollupGrain.Day => utc.Date,
            RollupGrain.Week => utc.Date.AddDays(-(((int)utc.DayOfWeek + 6) % 7)),
            _ => new DateTime(utc.Year, utc.Month, 1),
        };
        return new DateTimeOffset(start, TimeSpan.Zero);
    }

    /// <summary>The beginning of the next period.</summary>
    public static DateTimeOffset Next(this RollupGrain grain, DateTimeOffset start) => grain switch
    {
        RollupGrain.Hour => start.AddHours(1),
        RollupGrain.Day => start.AddDays(1),
        RollupGrain.Week => start.AddDays(7),
        _ => start.AddMonths(1),
    };
}

/// <summary>One sum: what is summed, over which period.</summary>
/// <param name="Dimension">By what.</param>
/// <param name="Grain">How long.</param>
/// <param name="Period">From when.</param>
/// <param name="Key">Which of them; empty for what could not be attributed.</param>
public readonly record struct RollupKey(RollupDimension Dimension, RollupGrain Grain, DateTimeOffset Period, string Key);

/// <summary>What one cost event adds to the sums.</summary>
/// <param name="At">When it arose.</param>
/// <param name="Keys">Its key in each dimension, in the order of <see cref="RollupDimension"/>; empty where it could not be attributed.</param>
/// <param name="Requests">1 for a use, 0 for what only corrects.</param>
/// <param name="Failures">1 if it failed.</param>
/// <param name="Retries">Attempts after the first.</param>
/// <param name="Unknown">1 if its cost is not known; -1 if it says what one cost of which that was so.</param>
/// <param name="UnitsIn">What went in.</param>
/// <param name="UnitsOut">What came out.</param>
/// <param name="Currency">Of the costs.</param>
/// <param name="Estimated">By the price.</param>
/// <param name="Billed">By the bill.</param>
/// <param name="LatencyMs">How long it took.</param>
public sealed record CostFact(
    DateTimeOffset At, string[] Keys, int Requests, int Failures, int Retries, int Unknown, decimal? UnitsIn, decimal? UnitsOut,
    string? Currency, decimal? Estimated, decimal? Billed, int? LatencyMs);
