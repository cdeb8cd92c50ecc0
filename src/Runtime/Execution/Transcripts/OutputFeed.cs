using System.Collections.Concurrent;

namespace ControlCenter.Runtime.Execution.Transcripts;

/// <summary>
/// Tells whoever watches a runtime that there is more of its output. A watcher is nothing but the count of lines that it knows of, and reads
/// what it wants to see from the transcript: one that is slow holds up nobody, skips what it could not have shown, and costs no memory.
/// </summary>
public sealed class OutputFeed
{
    private readonly ConcurrentDictionary<Guid, Watched> _watched = new();

    /// <summary>Begins to watch a runtime; ends when the result is disposed.</summary>
    public OutputWatch Watch(Guid runtime)
    {
        while (true)
        {
            var watched = _watched.GetOrAdd(runtime, static _ => new Watched());
            lock (watched)
            {
                if (!watched.IsOver)
                {
                    watched.Watchers++;
                    return new OutputWatch(this, runtime, watched);
                }
            }
        }
    }

    /// <summary>Says how many lines there are now, and whether there will be no more.</summary>
    internal void Publish(Guid runtime, long lines, bool ended)
    {
        if (!_watched.TryGetValue(runtime, out var watched))
        {
            return;
        }

        TaskCompletionSource woken;
        lock (watched)
        {
            (watched.Lines, watched.Ended, woken, watched.More) = (Math.Max(watched.Lines, lines), watched.Ended || ended, watched.More, Watched.NewSignal());
        }

        woken.SetResult();
    }

    internal void Leave(Guid runtime, Watched watched)
    {
        lock (watched)
        {
            if (--watched.Watchers == 0)
            {
                watched.IsOver = true;
                _watched.TryRemove(runtime, out _);
            }
        }
    }

    internal sealed class Watched
    {
        public int Watchers { get; set; }

        public bool IsOver { get; set; }

        public long Lines { get; set; }

        public bool Ended { get; set; }

        public TaskCompletionSource More { get; set; } = NewSignal();

        public static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>One watcher's view of a runtime's output.</summary>
public sealed class OutputWatch : IDisposable
{
    private readonly OutputFeed _feed;
    private readonly Guid _runtime;
    private readonly OutputFeed.Watched _watched;
    private int _left;

    internal OutputWatch(OutputFeed feed, Guid runtime, OutputFeed.Watched watched) => (_feed, _runtime, _watched) = (feed, runtime, watched);

    /// <summary>Ends as soon as there are more than <paramref name="known"/> lines, or there will be no more.</summary>
    public async Task WaitForMoreAsync(long known, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task more;
            lock (_watched)
            {
                if (_watched.Lines > known || _watched.Ended)
                {
                    return;
                }

                more = _watched.More.Task;
            }

            await more.WaitAsync(cancellationToken);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _left, 1) == 0)
        {
            _feed.Leave(_runtime, _watched);
        }
    }
}
