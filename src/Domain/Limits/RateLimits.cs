namespace ControlCenter.Domain.Limits;

/// <summary>How much one actor may ask of the bus (bus-api.md, Limits; blueprint 8.12A).</summary>
/// <param name="NormalPerMinute">Beyond this in a minute is a burst.</param>
/// <param name="BurstPerMinute">Beyond this nothing is admitted.</param>
/// <param name="LongestBurst">How long a burst may last.</param>
public sealed record RateLimits(int NormalPerMinute, int BurstPerMinute, TimeSpan LongestBurst)
{
    /// <summary>100 requests a minute; up to 200 for 30 s.</summary>
    public static readonly RateLimits Requests = new(100, 200, TimeSpan.FromSeconds(30));

    /// <summary>50 posted events a minute, and no burst.</summary>
    public static readonly RateLimits Events = new(50, 50, TimeSpan.Zero);

    /// <summary>Whether so much at once can pass at all, however long its sender waits.</summary>
    public bool CanEverAdmit(int cost) => cost <= BurstPerMinute;
}

/// <summary>What the limiter says to one request.</summary>
/// <param name="Allowed">Whether it may pass.</param>
/// <param name="Crossed">It crossed the normal rate: worth one warning. At the most one a minute.</param>
/// <param name="Throttled">It was turned away, and that is worth telling: at the most one a minute, so once in each time that the actor is beyond its rate.</param>
/// <param name="RetryAfterSeconds">For one that was turned away: when to come back, 1 to 60; 0 for one that passed.</param>
/// <param name="Remaining">How much more would pass now.</param>
/// <param name="Limit">The most that a minute can hold.</param>
/// <param name="ResetSeconds">When everything that counts now has left the minute, 0 to 60.</param>
public readonly record struct RateDecision(bool Allowed, bool Crossed, bool Throttled, int RetryAfterSeconds, int Remaining, int Limit, int ResetSeconds);
