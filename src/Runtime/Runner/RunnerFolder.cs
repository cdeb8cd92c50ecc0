using System.Globalization;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner;

/// <summary>A runner's folder, held by one runner at a time: a lock of the operating system's, which ends with the process however it ends.</summary>
public sealed class RunnerFolder : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    // flock(2)'s answer when another process has the lock (errno.h); .NET hands it on as the exception's HResult.
    private const int WouldBlock = 11;

    private readonly string _root;
    private readonly FileStream _lock;

    private RunnerFolder(string root, FileStream held) => (_root, _lock) = (root, held);

    internal string Bell => Path.Combine(_root, "bell");

    internal string ShimScript => Path.Combine(_root, "shim.sh");

    internal string Rehearsal => Path.Combine(_root, "rehearsal");

    private string RuntimesFolder => Path.Combine(_root, "runtimes");

    /// <summary>Takes the folder, making it where it is not there.</summary>
    /// <exception cref="RunnerFolderTakenException">Another runner has it.</exception>
    public static RunnerFolder Take(string root)
    {
        Directory.CreateDirectory(root, OwnerOnly);
        FileStream held;
        try
        {
            // FileShare.None is an exclusive flock(2) on Linux.
            held = new FileStream(Path.Combine(root, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException fault) when (fault.HResult == WouldBlock)
        {
            throw new RunnerFolderTakenException($"Another runner{(HolderOf(root) is { } holder ? $" (process {holder.Pid})" : "")} runs on {root}. Stop it first, or choose another folder.", fault);
        }

        var self = ProcessIdentity.Of(Environment.ProcessId)!.Value;
        File.WriteAllText(HolderFile(root), string.Create(CultureInfo.InvariantCulture, $"{self.Pid} {self.StartTicks} {ProcessIdentity.BootId}\n"));
        var folder = new RunnerFolder(root, held);
        Directory.CreateDirectory(folder.RuntimesFolder, OwnerOnly);
        return folder;
    }

    /// <summary>The runner that took a folder last, if it still lives.</summary>
    public static ProcessIdentity? HolderOf(string root)
    {
        var file = HolderFile(root);
        return File.Exists(file) && File.ReadAllText(file).Trim().Split(' ') is [var pid, var ticks, var boot] && boot == ProcessIdentity.BootId
            && int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var start)
            && new ProcessIdentity(number, start) is { IsAlive: true } holder ? holder : null;
    }

    /// <inheritdoc />
    public void Dispose() => _lock.Dispose();

    internal RuntimeFolder Of(Guid runtimeId) => new(Path.Combine(RuntimesFolder, runtimeId.ToString()));

    internal IEnumerable<RuntimeFolder> Runtimes() => [.. Directory.EnumerateDirectories(RuntimesFolder).Select(path => new RuntimeFolder(path))];

    private static string HolderFile(string root) => Path.Combine(root, "runner.pid");
}

/// <summary>Another runner has the folder.</summary>
public sealed class RunnerFolderTakenException(string message, Exception inner) : Exception(message, inner);
