using System.Threading.Channels;

namespace ControlCenter.Runtime.Execution.Definitions;

/// <summary>Says when something in a folder may have changed: at once where the system tells, and in any case after a time.</summary>
internal sealed class FolderChanges : IDisposable
{
    // An editor writes, renames and sets modes in one go; a checkout writes many files.
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(200);

    // Somebody who writes all the time is not waited for longer.
    private const int MostWaits = 10;

    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly TimeProvider _time;
    private readonly FileSystemWatcher? _watcher;

    public FolderChanges(string path, TimeProvider time)
    {
        _time = time;
        try
        {
            _watcher = new FileSystemWatcher(path) { NotifyFilter = NotifyFilters.FileName | NotifyFilters.LastWrite | NotifyFilters.Size };
            _watcher.Changed += Tell;
            _watcher.Created += Tell;
            _watcher.Deleted += Tell;
            _watcher.Renamed += Tell;
            _watcher.Error += Tell;
            _watcher.EnableRaisingEvents = true;
        }
        catch (Exception fault) when (fault is IOException or ArgumentException)
        {
            // No such folder, or no more watches on this machine (fs.inotify): then it is looked at from time to time only.
            _watcher?.Dispose();
            _watcher = null;
        }
    }

    /// <summary>Ends when something may have changed and it is quiet again, or after a time.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var told = _changed.Reader.WaitToReadAsync(waiting.Token).AsTask();
        await Task.WhenAny(told, Task.Delay(atMost, _time, waiting.Token));
        await waiting.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
        for (var waits = 0; waits < MostWaits && _changed.Reader.TryRead(out _); waits++)
        {
            await Task.Delay(Quiet, _time, cancellationToken);
        }
    }

    public void Dispose() => _watcher?.Dispose();

    private void Tell(object sender, EventArgs what) => _changed.Writer.TryWrite(true);
}
