namespace ControlCenter.Runtime.Runner.Workspaces;

/// <summary>Measures what one runtime has on the disk, beside everything else: a checkout has a hundred thousand files.</summary>
internal sealed class WorkspaceMeter(Workspace workspace, TimeProvider time, Action changed)
{
    private static readonly TimeSpan LeastPause = TimeSpan.FromSeconds(5);

    // Of the time at the most a twentieth: a tree that takes 2 s to walk is walked every 40 s.
    private const int PauseFactor = 20;

    private Task _measuring = Task.CompletedTask;
    private long _notBefore;
    private long _bytes;

    /// <summary>What is in its workspace and its private folder, as measured last; 0 before the first time.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Measures again when it is due.</summary>
    public void Look()
    {
        if (_measuring.IsCompleted && time.GetTimestamp() >= Interlocked.Read(ref _notBefore))
        {
            _measuring = Task.Run(Measure);
        }
    }

    private void Measure()
    {
        var startedAt = time.GetTimestamp();
        try
        {
            var before = Interlocked.Exchange(ref _bytes, SizeOf(workspace.Path) + SizeOf(workspace.Private));
            if (before != Bytes)
            {
                changed();
            }
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It is being written and removed while it is walked; the next time is soon.
        }

        var pause = time.GetElapsedTime(startedAt) * PauseFactor;
        Interlocked.Exchange(ref _notBefore, time.GetTimestamp() + (long)((pause > LeastPause ? pause : LeastPause).TotalSeconds * time.TimestampFrequency));
    }

    private static long SizeOf(string folder) => Directory.Exists(folder) ? FolderSize.Of(folder).Bytes : 0;
}
