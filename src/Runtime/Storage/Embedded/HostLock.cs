using System.Globalization;
using System.Text;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>One host at a time on a data folder: a lock of the operating system's, which ends with the process however it ends.</summary>
public sealed class HostLock : IDisposable
{
    private const string FileName = "host.lock";

    // flock(2)'s answer when another process has the lock (errno.h); .NET hands it on as the exception's HResult.
    private const int WouldBlock = 11;

    private readonly FileStream _file;

    private HostLock(FileStream file) => _file = file;

    /// <summary>Takes the folder.</summary>
    /// <exception cref="EmbeddedPostgresException">Another host has it, and the message names its process; or the folder's file system has no locks.</exception>
    public static async Task<HostLock> TakeAsync(string home, TimeProvider time, CancellationToken cancellationToken)
    {
        var path = Path.Combine(home, FileName);
        FileStream file;
        try
        {
            // FileShare.None is an exclusive flock(2) on Linux.
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException fault) when (fault.HResult == WouldBlock)
        {
            throw new EmbeddedPostgresException(
                $"Another host ({await HolderOfAsync(path, cancellationToken)}) runs on {home}. Stop it first, or give this one a CC_HOME of its own.", fault);
        }

        try
        {
            // .NET takes a file system without locks for one whose locks are always free, so the lock is tried from outside:
            // two servers on one cluster would be the end of it.
            var tried = await ServerCommand.RunAsync("/usr/bin/flock", ["--nonblock", path, "/bin/true"], asOwner: null, cancellationToken);
            if (tried.ExitCode == 0)
            {
                throw new EmbeddedPostgresException(
                    $"{path} cannot be locked: its file system (a network share?) has no locks. Choose a CC_HOME on a local disk, or set CC_DATABASE.");
            }

            var holder = string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId} on {Environment.MachineName} since {time.GetUtcNow():u}");
            file.SetLength(0);
            await file.WriteAsync(Encoding.UTF8.GetBytes(holder), cancellationToken);
            await file.FlushAsync(cancellationToken);
            return new HostLock(file);
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _file.Dispose();

    // Read by another program, because .NET would ask for the lock before it reads; the kernel's lock is advisory.
    private static async Task<string> HolderOfAsync(string path, CancellationToken cancellationToken)
    {
        var (exitCode, output, _) = await ServerCommand.RunAsync("/bin/cat", ["--", path], asOwner: null, cancellationToken);
        return exitCode == 0 && output.Trim() is { Length: > 0 } holder ? holder : "its process is not known yet";
    }
}
