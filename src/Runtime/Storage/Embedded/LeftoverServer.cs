using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>
/// Ends what an earlier host, or an earlier postmaster, has left running on the folder, so that the next server starts at once.
/// It is ended rather than adopted: it may be on another port, with other settings, and is nobody's child to be watched.
/// </summary>
internal static partial class LeftoverServer
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    // Fast, then immediate, then dead (PostgreSQL manual, 19.5). A clean end takes tenths of a second; one with much to
    // write takes seconds; the later signals are for a server that hangs.
    private static readonly (string Signal, TimeSpan Patience)[] Steps =
    [
        ("INT", TimeSpan.FromSeconds(8)),
        ("QUIT", TimeSpan.FromSeconds(4)),
        ("KILL", TimeSpan.FromSeconds(4)),
    ];

    /// <summary>Returns once nothing runs on the folder. The host's lock must be held.</summary>
    /// <exception cref="EmbeddedPostgresException">It cannot be ended.</exception>
    public static async Task EndAsync(string data, ILogger logger, TimeProvider time, CancellationToken cancellationToken)
    {
        foreach (var (signal, patience) in Steps)
        {
            var running = ServerProcesses.On(data);
            if (running.Count == 0)
            {
                break;
            }

            // A postmaster ends its own children. Where it was killed they are orphans, each to be told by itself.
            var postmaster = ServerProcesses.Named(data) ?? 0;
            var targets = signal != "KILL" && running.Contains(postmaster) ? [postmaster] : running;
            LogEnding(logger, running.Count, targets[0], signal);
            foreach (var pid in targets)
            {
                await ServerProcesses.SignalAsync(pid, signal, cancellationToken);
            }

            var startedAt = time.GetTimestamp();
            while (ServerProcesses.On(data).Count > 0 && time.GetElapsedTime(startedAt) < patience)
            {
                await Task.Delay(Poll, time, cancellationToken);
            }
        }

        if (ServerProcesses.On(data) is [var stuck, ..])
        {
            throw new EmbeddedPostgresException($"A PostgreSQL that an earlier host left behind (process {stuck}) still runs on {data} and cannot be ended. End it, then start again.");
        }

        // PostgreSQL refuses to start while the pid in the file is anybody's, and after a restart of a machine or container
        // small pids soon are. Nothing runs on the folder and the host's lock is held, so the file is stale.
        if (ServerProcesses.Named(data) is { } named && Directory.Exists($"/proc/{named}"))
        {
            File.Delete(ServerProcesses.PidFile(data));
        }
    }

    [LoggerMessage(EventId = 1402, Level = LogLevel.Warning, Message = "A PostgreSQL of an earlier host still runs on the folder ({Count} processes, first {Pid}); it is ended by SIG{Signal}")]
    private static partial void LogEnding(ILogger logger, int count, int pid, string signal);
}
