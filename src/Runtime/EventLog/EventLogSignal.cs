namespace ControlCenter.Runtime.EventLog;

/// <summary>"There may be something new in the log": set by every commit of this host and by every notification from another.</summary>
/// <remarks>Nothing is lost when a signal is missed, because readers also poll; it only makes them prompt.</remarks>
public sealed class EventLogSignal : IDisposable
{
    private readonly SemaphoreSlim _tail = new(0, 1);
    private readonly SemaphoreSlim _announcer = new(0, 1);

    /// <summary>Called after a commit that wrote events: wakes this host's tail, and has the other hosts told.</summary>
    public void Committed()
    {
        Set(_tail);
        Set(_announcer);
    }

    /// <summary>Called when another host has told of a commit.</summary>
    public void Heard() => Set(_tail);

    /// <summary>Waits for the next sign, at the most <paramref name="atMost"/>. True if there was one.</summary>
    public Task<bool> WaitForNewsAsync(TimeSpan atMost, CancellationToken cancellationToken) => _tail.WaitAsync(atMost, cancellationToken);

    /// <summary>Waits until this host has committed something that others should hear of.</summary>
    public Task WaitForOwnCommitAsync(CancellationToken cancellationToken) => _announcer.WaitAsync(cancellationToken);

    /// <inheritdoc />
    public void Dispose()
    {
        _tail.Dispose();
        _announcer.Dispose();
    }

    private static void Set(SemaphoreSlim flag)
    {
        if (flag.CurrentCount > 0)
        {
            return;
        }

        try
        {
            flag.Release();
        }
        catch (SemaphoreFullException)
        {
            // Somebody else set it between the look and the release; set is set.
        }
    }
}
