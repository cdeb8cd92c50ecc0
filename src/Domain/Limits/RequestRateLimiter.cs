namespace ControlCenter.Domain.Limits;

/// <summary>
/// One actor's limiter: a sliding minute of what was admitted (bus-api.md, Limits; CB-12 to CB-15). Past the normal rate a
/// burst runs; when it has lasted its time, nothing passes until the minute holds less than the normal rate again. What is
/// turned away does not count. Times are monotonic, from any fixed origin; one that goes back is taken for the newest seen.
/// Fixed memory, and nothing is allocated to decide. Not safe for use from two threads at once.
/// </summary>
public sealed class RequestRateLimiter(RateLimits limits)
{
    // What is admitted within a quarter of a second is kept as one, under the time of its last: it leaves the minute a
    // little late, never early, and never later than a minute after that last one. So no minute holds more than the
    // limit, and nobody is told to come back in more than 60 s. A minute touches 240 steps and the one under way.
    private const int Steps = 241;
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly Slot[] _slots = new Slot[Steps];
    private TimeSpan _now = TimeSpan.MinValue;
    private TimeSpan _lastAdmitted;
    private long _oldest;
    private int _inWindow;
    private TimeSpan? _burstSince;
    private TimeSpan? _warnedAt;
    private TimeSpan? _toldAt;

    /// <summary>A limiter that goes on from a snapshot. What it warned of before may be told once more.</summary>
    /// <param name="limits">The limits in force now.</param>
    /// <param name="snapshot">What the former limiter remembered.</param>
    /// <param name="since">How long ago that was, by a clock that both processes share; below zero is taken for zero.</param>
    /// <param name="now">The monotonic time here.</param>
    public static RequestRateLimiter Restore(RateLimits limits, RateSnapshot snapshot, TimeSpan since, TimeSpan now)
    {
        var passed = since < TimeSpan.Zero ? TimeSpan.Zero : since;
        var limiter = new RequestRateLimiter(limits);
        limiter.Advance(now);
        foreach (var (age, count) in snapshot.Admitted)
        {
            var total = (age < TimeSpan.Zero ? TimeSpan.Zero : age) + passed;
            if (count > 0 && total < Minute)
            {
                limiter.Admit(now - total, count);
            }
        }

        limiter._burstSince = snapshot.BurstAge is { } burst ? now - passed - burst : null;
        return limiter;
    }

    /// <summary>What this limiter remembers at this moment.</summary>
    public RateSnapshot Snapshot(TimeSpan now)
    {
        Advance(now);
        var admitted = new List<AdmittedRequests>();
        for (var step = _oldest; step <= StepOf(_now); step++)
        {
            if (SlotOf(step) is { Count: > 0 } slot)
            {
                admitted.Add(new AdmittedRequests(_now - slot.Last, slot.Count));
            }
        }

        return new RateSnapshot(admitted, _now - _burstSince);
    }

    /// <summary>Whether nothing that was admitted counts any more: forgetting this limiter would change no decision.</summary>
    public bool IsIdle(TimeSpan now)
    {
        Advance(now);
        return _inWindow == 0;
    }

    /// <summary>Decides about <paramref name="cost"/> requests that come together: all of them, or none.</summary>
    /// <param name="now">The monotonic time.</param>
    /// <param name="cost">At least 1. More than the burst limit never passes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The cost is below 1.</exception>
    public RateDecision Decide(TimeSpan now, int cost = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(cost);
        Advance(now);
        if (_inWindow < limits.NormalPerMinute)
        {
            // Below the normal rate again: the next crossing is a new burst. At the rate itself it is not over, or an
            // actor that hovers there would begin a burst, and cause a warning, with every other request.
            _burstSince = null;
        }

        var burstOver = _burstSince is { } since && _now - since >= limits.LongestBurst;
        var room = (burstOver ? limits.NormalPerMinute : limits.BurstPerMinute) - _inWindow;
        if (cost > room)
        {
            return new RateDecision(false, false, IsDue(ref _toldAt), RetryAfter(cost), Math.Max(0, room), limits.BurstPerMinute, Reset());
        }

        Admit(_now, cost);
        return new RateDecision(true, Cross(), false, 0, room - cost, limits.BurstPerMinute, Reset());
    }

    private bool Cross()
    {
        if (_inWindow <= limits.NormalPerMinute || _burstSince is not null)
        {
            return false;
        }

        _burstSince = _now;
        return IsDue(ref _warnedAt);
    }

    // A violation is an event on disk: telling of more than one a minute would let an actor turn its refusals into writes.
    private bool IsDue(ref TimeSpan? told)
    {
        if (told is { } last && _now - last < Minute)
        {
            return false;
        }

        told = _now;
        return true;
    }

    // The first moment at which these would leave the minute within the normal rate; an empty minute, for more than that rate.
    private int RetryAfter(int cost)
    {
        var target = Math.Max(0, limits.NormalPerMinute - cost);
        var left = _inWindow;
        for (var step = _oldest; left > target; step++)
        {
            var slot = SlotOf(step);
            left -= slot.Count;
            if (left <= target)
            {
                return Math.Max(1, SecondsUntil(slot.Last + Minute));
            }
        }

        // Only what is too much even for an empty minute comes here.
        return (int)Minute.TotalSeconds;
    }

    private int Reset() => _inWindow == 0 ? 0 : SecondsUntil(_lastAdmitted + Minute);

    private int SecondsUntil(TimeSpan moment) => (int)((moment.Ticks - _now.Ticks + TimeSpan.TicksPerSecond - 1) / TimeSpan.TicksPerSecond);

    private void Admit(TimeSpan at, int count)
    {
        var step = StepOf(at);
        ref var slot = ref SlotOf(step);
        slot.Last = slot.Count == 0 || at > slot.Last ? at : slot.Last;
        slot.Count += count;
        _lastAdmitted = _inWindow == 0 || at > _lastAdmitted ? at : _lastAdmitted;
        _oldest = _inWindow == 0 ? step : Math.Min(_oldest, step);
        _inWindow += count;
    }

    private void Advance(TimeSpan now)
    {
        _now = now > _now ? now : _now;
        while (_inWindow > 0)
        {
            ref var slot = ref SlotOf(_oldest);
            if (slot.Count > 0 && _now - slot.Last < Minute)
            {
                return;
            }

            _inWindow -= slot.Count;
            slot = default;
            _oldest++;
        }

        _oldest = StepOf(_now);
    }

    // Rounded down also below zero: after a restart, what a snapshot remembers lies before the new origin.
    private static long StepOf(TimeSpan time) => time.Ticks >= 0 ? time.Ticks / Step.Ticks : -((-time.Ticks + Step.Ticks - 1) / Step.Ticks);

    private ref Slot SlotOf(long step) => ref _slots[(int)(((step % Steps) + Steps) % Steps)];

    private struct Slot
    {
        public int Count;
        public TimeSpan Last;
    }
}
