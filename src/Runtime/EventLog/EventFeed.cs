namespace ControlCenter.Runtime.EventLog;

/// <summary>
/// The one fan-out of this host: keeps the newest events in memory, in order, and wakes everybody who waits for more.
/// A reader is nothing but a position, so a slow one costs nothing and holds up nobody; one that has fallen behind what
/// is kept here goes on from the database (<see cref="EventReader"/>).
/// </summary>
public sealed class EventFeed
{
    // Enough for minutes of a busy fleet (16,384 events at 100/s is 2¾ min) …
    private const int Capacity = 16_384;

    // … and never more memory than this, however large the events are.
    private const long CapacityBytes = 32 * 1024 * 1024;

    // A guess of what a record costs beside its text: object headers, the lazy frame, ids.
    private const int BytesPerRecord = 400;

    private readonly FeedEvent?[] _ring = new FeedEvent?[Capacity];
    private readonly Lock _gate = new();
    private long _first;
    private long _next;
    private long _bytes;
    private long _startsAfter;
    private long _head;
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The place of the newest event that readers may know of.</summary>
    public long Head => Volatile.Read(ref _head);

    /// <summary>Begins at <paramref name="head"/>: what is older is read from the database, by those who waited already too.</summary>
    public void StartAt(long head)
    {
        TaskCompletionSource woken;
        lock (_gate)
        {
            _startsAfter = head;
            woken = MoveHead(head);
        }

        woken.SetResult();
    }

    /// <summary>Takes in the next events, in order, and wakes the readers.</summary>
    public void Publish(IReadOnlyList<FeedEvent> events, long head)
    {
        TaskCompletionSource woken;
        lock (_gate)
        {
            foreach (var item in events)
            {
                _ring[_next++ % Capacity] = item;
                _bytes += SizeOf(item);
                while (_next - _first > Capacity - 1 || _bytes > CapacityBytes && _first < _next - 1)
                {
                    DropOldest();
                }
            }

            woken = MoveHead(head);
        }

        woken.SetResult();
    }

    /// <summary>Ends as soon as there may be something after <paramref name="position"/>.</summary>
    public Task WaitForMoreAsync(long position, CancellationToken cancellationToken)
    {
        Task wait;
        lock (_gate)
        {
            if (_head > position)
            {
                return Task.CompletedTask;
            }

            wait = _more.Task;
        }

        return cancellationToken.CanBeCanceled ? wait.WaitAsync(cancellationToken) : wait;
    }

    /// <summary>Ends when an event that fits comes after <paramref name="position"/>, or when what is kept here has been overrun and nobody can tell.</summary>
    public async Task WaitForAsync(long position, Predicate<FeedEvent> fits, CancellationToken cancellationToken)
    {
        var seen = new List<FeedEvent>();
        while (true)
        {
            await WaitForMoreAsync(position, cancellationToken);
            seen.Clear();
            if (Read(position, FeedScope.Everything, seen, int.MaxValue) is not { } read || seen.Exists(fits))
            {
                return;
            }

            position = read;
        }
    }

    /// <summary>Copies what comes after <paramref name="position"/> into <paramref name="into"/> and says how far that went.</summary>
    /// <returns>The place up to which everything has now been seen, or null if part of it is no longer kept here.</returns>
    public long? Read(long position, FeedScope scope, List<FeedEvent> into, int atMost, long mostBytes = long.MaxValue)
    {
        var bytes = 0L;
        lock (_gate)
        {
            if (position >= _head)
            {
                return position;
            }

            if (position < _startsAfter)
            {
                return null;
            }

            for (var i = FirstAfter(position); i < _next; i++)
            {
                var item = _ring[i % Capacity]!;
                if (!item.IsWithin(scope))
                {
                    continue;
                }

                if (into.Count >= atMost || bytes >= mostBytes)
                {
                    return into[^1].Record.Seq;
                }

                into.Add(item);
                bytes += item.Record.Data.Length;
            }

            return _head;
        }
    }

    /// <summary>Within the lock. Who waits for more is woken by what it returns, after the lock.</summary>
    private TaskCompletionSource MoveHead(long head)
    {
        _head = head;
        var woken = _more;
        _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return woken;
    }

    private static int SizeOf(FeedEvent item) => BytesPerRecord + item.Record.Data.Length * 3;

    private void DropOldest()
    {
        ref var slot = ref _ring[_first++ % Capacity];
        _bytes -= SizeOf(slot!);
        _startsAfter = slot!.Record.Seq;
        slot = null;
    }

    // Binary search: places grow along the ring.
    private long FirstAfter(long position)
    {
        var low = _first;
        var high = _next;
        while (low < high)
        {
            var middle = low + (high - low) / 2;
            if (_ring[middle % Capacity]!.Record.Seq <= position)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
