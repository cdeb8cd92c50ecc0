using System.Globalization;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>What runs on a data folder, as the kernel sees it: a pid in a file proves nothing once pids have come round again.</summary>
internal static class ServerProcesses
{
    /// <summary>Every PostgreSQL process on the folder: each of them has it as its working directory.</summary>
    /// <param name="data">The data folder, below folders of real names; itself it may be a link, to another disk say.</param>
    public static IReadOnlyList<int> On(string data)
    {
        var real = Directory.Exists(data) ? Directory.ResolveLinkTarget(data, returnFinalTarget: true)?.FullName ?? data : data;
        return [.. Directory.EnumerateDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : 0)
            .Where(pid => pid > 0 && LinkOf(pid, "cwd") == real && IsPostgres(LinkOf(pid, "exe")))];
    }

    /// <summary>The process that the folder's own <c>postmaster.pid</c> names (its first line; PostgreSQL manual, 73.1), dead or alive.</summary>
    public static int? Named(string data)
    {
        try
        {
            var first = File.ReadLines(PidFile(data)).FirstOrDefault();
            return int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : null;
        }
        catch (IOException)
        {
            // There is none, or it was removed while it was read: nothing is named.
            return null;
        }
    }

    /// <summary>The folder's <c>postmaster.pid</c>.</summary>
    public static string PidFile(string data) => Path.Combine(data, "postmaster.pid");

    /// <summary>Sends a signal; one to a process that has just ended is no fault.</summary>
    public static Task SignalAsync(int pid, string signal, CancellationToken cancellationToken) =>
        ServerCommand.RunAsync("/bin/kill", ["-s", signal, pid.ToString(CultureInfo.InvariantCulture)], asOwner: null, cancellationToken);

    // The name stays when the package was upgraded under a running server, and the kernel says so behind it.
    private static bool IsPostgres(string? program) =>
        program is not null && Path.GetFileName(program.Replace(" (deleted)", "", StringComparison.Ordinal)) == "postgres";

    private static string? LinkOf(int pid, string name)
    {
        try
        {
            return new FileInfo($"/proc/{pid}/{name}").LinkTarget;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It has ended, or is another user's, whose server this cannot be.
            return null;
        }
    }
}
