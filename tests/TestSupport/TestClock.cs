namespace ControlCenter.TestSupport;

/// <summary>A clock that goes with the machine's, but may be wrong about the hour, and can be put forward: timers that are due by then fire at once.</summary>
public sealed class TestClock : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly HashSet<JumpingTimer> _timers = [];
    private TimeSpan _jumped;

    /// <summary>How wrong the clock's date and time are. What is measured with it is right all the same, as on a machine whose clock is wrong.</summary>
    public TimeSpan Offset { get; set; }

    /// <summary>Timers that are due as late as this fire only when the clock is put forward, however long a slow machine takes until then; null for none.</summary>
    public TimeSpan? HeldFrom { get; init; }

    /// <inheritdoc />
    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Offset + Jumped;

    /// <inheritdoc />
    public override long GetTimestamp() => System.GetTimestamp() + (long)(Jumped.TotalSeconds * TimestampFrequency);

    /// <inheritdoc />
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new JumpingTimer(this, callback, state);
        lock (_gate)
        {
            _timers.Add(timer);
        }

        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Puts the clock forward.</summary>
    public void Advance(TimeSpan by)
    {
        JumpingTimer[] timers;
        lock (_gate)
        {
            _jumped += by;
            timers = [.. _timers];
        }

        foreach (var timer in timers)
        {
            timer.Advance(by);
        }
    }

    private TimeSpan Jumped
    {
        get
        {
            lock (_gate)
            {
                return _jumped;
            }
        }
    }

    private void Remove(JumpingTimer timer)
    {
        lock (_gate)
        {
            _timers.Remove(timer);
        }
    }

    /// <summary>A timer of the machine's that is set anew when the clock is put forward.</summary>
    private sealed class JumpingTimer : ITimer
    {
        private readonly Lock _gate = new();
        private readonly TestClock _clock;
        private readonly ITimer _inner;
        private long _dueAt;
        private TimeSpan _period;
        private TimeSpan _left;
        private bool _pending;
        private bool _held;

        public JumpingTimer(TestClock clock, TimerCallback callback, object? state)
        {
            _clock = clock;
            _inner = System.CreateTimer(
                _ =>
                {
                    Fired();
                    callback(state);
                },
                null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (_gate)
            {
                _pending = dueTime != Timeout.InfiniteTimeSpan;
                _held = dueTime >= _clock.HeldFrom;
                (_left, _period) = (dueTime, period);
                _dueAt = System.GetTimestamp() + (long)(dueTime.TotalSeconds * System.TimestampFrequency);
                return _held ? _inner.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan) : _inner.Change(dueTime, period);
            }
        }

        public void Advance(TimeSpan by)
        {
            lock (_gate)
            {
                if (_pending && _held)
                {
                    _left -= by;
                    if (_left <= TimeSpan.Zero)
                    {
                        _inner.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
                    }
                }
                else if (_pending)
                {
                    _dueAt -= (long)(by.TotalSeconds * System.TimestampFrequency);
                    var left = System.GetElapsedTime(System.GetTimestamp(), _dueAt);
                    _inner.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, _period);
                }
            }
        }

        public void Dispose()
        {
            _clock.Remove(this);
            _inner.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            _clock.Remove(this);
            return _inner.DisposeAsync();
        }

        private void Fired()
        {
            lock (_gate)
            {
                _pending = _period > TimeSpan.Zero;
                _left = _period;
                _dueAt = System.GetTimestamp() + (long)(_period.TotalSeconds * System.TimestampFrequency);
            }
        }
    }
}
