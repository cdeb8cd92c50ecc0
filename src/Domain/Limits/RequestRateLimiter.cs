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
}

/// <summary>What the limiter says to one request.</summary>
/// <param name="Allowed">Whether it may pass.</param>
/// <param name="Crossed">It is the one that crossed the normal rate: worth one warning.</param>
/// <param name="Throttled">It is the first that was turned away since the actor was last within its rate.</param>
/// <param name="RetryAfterSeconds">For one that was turned away: when to come back; at least 1.</param>
/// <param name="Remaining">How much more would pass now.</param>
public readonly record struct RateDecision(bool Allowed, bool Crossed, bool Throttled, int RetryAfterSeconds, int Remaining);

/// <summary>
/// One actor's limiter: a sliding minute of what was admitted, in steps of a quarter of a second. What is turned away
/// does not count. Times are monotonic, from any fixed origin. Not safe for use from two threads at once.
/// </summary>
public sealed class RequestRateLimiter(RateLimits limits)
{
    // A minute and the step under way, so that no minute, wherever it begins, holds more than was admitted.
    private const int Steps = 241;
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(250);

    private readonly int[] _admitted = new int[Steps];
    private long _step = long.MinValue;
    private int _inWindow;
    private TimeSpan? _burstSince;
    private bool _turnedAway;

    /// <summary>Decides about <paramref name="cost"/> requests that come together: all of them, or none.</summary>
    public RateDecision Decide(TimeSpan now, int cost = 1)
    {
        Advance(now);
        if (_inWindow <= limits.NormalPerMinute)
        {
            // Within the normal rate again: the next crossing is a new burst, and a new warning.
            _burstSince = null;
            _turnedAway = false;
        }

        var total = _inWindow + cost;
        var burstOver = _burstSince is { } since && now - since >= limits.LongestBurst;
        if (total > limits.BurstPerMinute || (total > limits.NormalPerMinute && burstOver))
        {
            var first = !_turnedAway;
            _turnedAway = true;
            return new RateDecision(false, false, first, RetryAfter(cost), 0);
        }

        _admitted[(int)(_step % Steps)] += cost;
        _inWindow = total;
        var crossed = total > limits.NormalPerMinute && _burstSince is null;
        if (crossed)
        {
            _burstSince = now;
        }

        return new RateDecision(true, crossed, false, 0, limits.BurstPerMinute - total);
    }

    // The first moment at which the window has room within the normal rate again.
    private int RetryAfter(int cost)
    {
        var left = _inWindow;
        for (var ahead = 1; ahead < Steps; ahead++)
        {
            left -= _admitted[(int)((_step + ahead) % Steps)];
            if (left + cost <= limits.NormalPerMinute)
            {
                return Math.Max(1, (int)Math.Ceiling((Step * ahead).TotalSeconds));
            }
        }

        return 60;
    }

    private void Advance(TimeSpan now)
    {
        var step = now.Ticks / Step.Ticks;
        if (_step == long.MinValue)
        {
            _step = step;
            return;
        }

        if (step - _step >= Steps)
        {
            Array.Clear(_admitted);
            _inWindow = 0;
            _step = step;
            return;
        }

        while (_step < step)
        {
            _step++;
            ref var slot = ref _admitted[(int)(_step % Steps)];
            _inWindow -= slot;
            slot = 0;
        }
    }
}
