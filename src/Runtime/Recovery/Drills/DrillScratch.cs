using System.Globalization;
using ControlCenter.Runtime.Storage.Embedded;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>Where drills put what they restore, and the proof that nothing of it is left.</summary>
internal static class DrillScratch
{
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    /// <summary>The folder below which each drill has its own.</summary>
    public static string Root(RecoverySettings settings) => Path.Combine(settings.Folder, "drills");

    /// <summary>Makes a drill's folder, and removes what a dead host's left.</summary>
    /// <returns>Its path.</returns>
    public static async Task<string> MakeAsync(RecoverySettings settings, Guid drill, TimeProvider time, CancellationToken cancellationToken)
    {
        var root = Directory.CreateDirectory(Root(settings)).FullName;
        foreach (var left in Directory.GetDirectories(root))
        {
            await RemoveAsync(left, time, cancellationToken);
        }

        // The server's user passes through, and reads nothing (RestoreCluster does the same).
        return Directory.CreateDirectory(
            Path.Combine(root, drill.ToString("N")[^12..]), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute).FullName;
    }

    /// <summary>Ends what runs on a folder and removes it.</summary>
    /// <returns>What is left all the same: processes, sockets, folders. Nothing, if all went well.</returns>
    public static async Task<IReadOnlyList<string>> RemoveAsync(string folder, TimeProvider time, CancellationToken cancellationToken)
    {
        // Where a folder is closed to the server's user, its cluster lies elsewhere and a link leads there.
        string[] places = [folder, .. Linked(folder)];
        await KillAsync(places, time, cancellationToken);
        foreach (var place in places.Where(Directory.Exists).Reverse())
        {
            Directory.Delete(place, recursive: true);
        }

        return Left(places);
    }

    /// <summary>Kills everything that runs on a folder, as a machine that loses its power does.</summary>
    public static Task KillAllAsync(string folder, TimeProvider time, CancellationToken cancellationToken) => KillAsync([folder, .. Linked(folder)], time, cancellationToken);

    private static async Task KillAsync(string[] places, TimeProvider time, CancellationToken cancellationToken)
    {
        var since = time.GetTimestamp();
        var killed = new HashSet<int>();
        while (time.GetElapsedTime(since) < EndPatience)
        {
            var running = Processes(places);
            // Until its new parent has heard of its end a dead postmaster still has its number, and the next one would believe it alive.
            if (running.Count == 0 && !killed.Any(pid => Directory.Exists($"/proc/{pid}")))
            {
                return;
            }

            if (running.Count > 0)
            {
                // In one breath: a bus that outlived its PostgreSQL would start it again.
                killed.UnionWith(running);
                await ServerCommand.RunAsync("/bin/kill", ["-s", "KILL", .. running.Select(pid => pid.ToString(CultureInfo.InvariantCulture))], asOwner: null, cancellationToken);
            }

            await Task.Delay(Poll, time, cancellationToken);
        }
    }

    private static List<string> Left(string[] places)
    {
        var left = Processes(places).Select(pid => string.Create(CultureInfo.InvariantCulture, $"process {pid}")).ToList();
        left.AddRange(places.Where(Directory.Exists).Select(p => $"folder {p}"));
        // The kernel lists every socket that has a name (proc(5), /proc/net/unix).
        left.AddRange(File.ReadLines("/proc/net/unix").Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1])
            .Where(s => places.Any(p => s.StartsWith(p + "/", StringComparison.Ordinal))).Select(s => $"socket {s}"));
        return left;
    }

    // PostgreSQL has its data folder as working directory; a bus has its home in its environment.
    private static List<int> Processes(string[] places) =>
        [.. Directory.EnumerateDirectories("/proc")
            .Select(f => int.TryParse(Path.GetFileName(f), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : 0)
            .Where(pid => pid > 0 && pid != Environment.ProcessId && places.Any(p => Is(pid, p)))];

    private static bool Is(int pid, string place)
    {
        try
        {
            return (new FileInfo($"/proc/{pid}/cwd").LinkTarget + "/").StartsWith(place + "/", StringComparison.Ordinal)
                || File.ReadAllText($"/proc/{pid}/environ").Contains($"CC_HOME={place}", StringComparison.Ordinal);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is another user's, and so none of the drill's.
            return false;
        }
    }

    private static IEnumerable<string> Linked(string folder) =>
        Directory.Exists(folder)
            ? new DirectoryInfo(folder).EnumerateDirectories("postgres", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2, AttributesToSkip = 0 })
                .Select(d => d.ResolveLinkTarget(returnFinalTarget: true)?.FullName).OfType<string>()
            : [];
}
