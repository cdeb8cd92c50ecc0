using System.Globalization;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>One host at a time on a data folder: a lock of the operating system's, which ends with the process however it ends.</summary>
public sealed class HostLock : IDisposable
{
    private const string FileName = "host.lock";

    private readonly FileStream _file;

    private HostLock(FileStream file) => _file = file;

    /// <summary>Takes the folder.</summary>
    /// <exception cref="EmbeddedPostgresException">Another host has it; the message names its process.</exception>
    public static HostLock Take(string home)
    {
        var path = Path.Combine(home, FileName);
        try
        {
            // FileShare.Read takes a shared flock for readers only: a second writer is refused by the kernel, and the
            // holder's process can still be read out of the file.
            var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            file.SetLength(0);
            file.Write(System.Text.Encoding.UTF8.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
            file.Flush();
            return new HostLock(file);
        }
        catch (IOException fault) when (fault is not FileNotFoundException and not DirectoryNotFoundException)
        {
            throw new EmbeddedPostgresException(
                $"Another host (process {HolderOf(path)}) runs on {home}. Stop it first, or give this one a CC_HOME of its own.", fault);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _file.Dispose();

    // Read around .NET's own locking: the kernel's lock is advisory.
    private static string HolderOf(string path)
    {
        var (exitCode, output, _) = ServerCommand.Run("/bin/cat", [path], asOwner: null);
        return exitCode == 0 && output.Trim() is { Length: > 0 } pid ? pid : "unknown";
    }
}
