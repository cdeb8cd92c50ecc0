using ControlCenter.Runtime.EventLog;

namespace ControlCenter.Dashboard;

/// <summary>
/// One browser's share of the host's feed: one reader for a circuit, from which its components take what concerns them,
/// at the most a few times a second, and not at all while nobody looks.
/// </summary>
internal sealed partial class CircuitFeed : IAsyncDisposable
{
    // At the most five renders a second: the first event of a calm spell is shown at once, a storm in groups.
    private static readonly TimeSpan Spacing = TimeSpan.FromMilliseconds(200);

    // Beyond this a component reads afresh instead of following event by event.
    private const int MostInOneRound = 500;

    private readonly EventFeed _feed;
    private readonly TimeProvider _time;
    private readonly ILogger<CircuitFeed> _logger;
    private readonly CancellationTokenSource _ended = new();
    private readonly Lock _gate = new();
    private readonly List<Subscription> _subscriptions = [];
    private readonly Task _loop;
    private TaskCompletionSource _shown = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _visible = true;

    public CircuitFeed(EventFeed feed, TimeProvider time, ILogger<CircuitFeed> logger)
    {
        (_feed, _time, _logger) = (feed, time, logger);
        _loop = FollowAsync();
    }

    /// <summary>The place of the newest event that may be shown.</summary>
    public long Head => _feed.Head;

    /// <summary>Whether somebody looks. What happens meanwhile is shown in one go afterwards.</summary>
    public bool Visible
    {
        get => Volatile.Read(ref _visible);
        set
        {
            Volatile.Write(ref _visible, value);
            if (value)
            {
                Interlocked.Exchange(ref _shown, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
            }
        }
    }

    /// <summary>Hears of events that fit, in groups. An empty group means: too much happened, read afresh.</summary>
    public IDisposable Subscribe(Predicate<FeedEvent> fits, Func<IReadOnlyList<FeedEvent>, Task> hear)
    {
        var subscription = new Subscription(this, fits, hear);
        lock (_gate)
        {
            _subscriptions.Add(subscription);
        }

        return subscription;
    }

    /// <summary>Logs that a component could not read what it shows.</summary>
    public void TellFault(Exception fault) => LogComponentFailed(_logger, fault);

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ended.Dispose();
    }

    private async Task FollowAsync()
    {
        var position = _feed.Head;
        var events = new List<FeedEvent>();
        while (!_ended.IsCancellationRequested)
        {
            await _feed.WaitForMoreAsync(position, _ended.Token);
            var shown = Volatile.Read(ref _shown);
            if (!Visible)
            {
                await shown.Task.WaitAsync(_ended.Token);
            }

            events.Clear();
            var read = _feed.Read(position, FeedScope.Everything, events, MostInOneRound);
            var overrun = read is null || events.Count == MostInOneRound;
            position = overrun ? _feed.Head : read!.Value;
            await TellAsync(events, overrun);
            await Task.Delay(Spacing, _time, _ended.Token);
        }
    }

    private async Task TellAsync(List<FeedEvent> events, bool overrun)
    {
        Subscription[] subscriptions;
        lock (_gate)
        {
            subscriptions = [.. _subscriptions];
        }

        foreach (var subscription in subscriptions)
        {
            var fitting = overrun ? [] : events.FindAll(subscription.Fits);
            if (!overrun && fitting.Count == 0)
            {
                continue;
            }

            try
            {
                await subscription.Hear(fitting);
            }
            catch (ObjectDisposedException)
            {
                // The component went while it was being told.
            }
#pragma warning disable CA1031 // One component's trouble (a database away for a moment) must not silence the others; the next event tries again.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                LogComponentFailed(_logger, fault);
            }
        }
    }

    private void Remove(Subscription subscription)
    {
        lock (_gate)
        {
            _subscriptions.Remove(subscription);
        }
    }

    [LoggerMessage(EventId = 3001, Level = LogLevel.Warning, Message = "A page could not be brought up to date; it is tried again with the next event or look")]
    private static partial void LogComponentFailed(ILogger logger, Exception fault);

    private sealed class Subscription(CircuitFeed feed, Predicate<FeedEvent> fits, Func<IReadOnlyList<FeedEvent>, Task> hear) : IDisposable
    {
        public Predicate<FeedEvent> Fits { get; } = fits;

        public Func<IReadOnlyList<FeedEvent>, Task> Hear { get; } = hear;

        public void Dispose() => feed.Remove(this);
    }
}
