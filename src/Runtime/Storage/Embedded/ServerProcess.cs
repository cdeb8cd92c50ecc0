using System.Diagnostics;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>One postmaster: this host's child, in a session of its own.</summary>
internal sealed class ServerProcess : IDisposable
{
    private readonly Process _process;
    private readonly TaskCompletionSource<int> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ServerProcess(Process process) => _process = process;

    /// <summary>The postmaster's process: setsid and setpriv become it, they do not wait beside it.</summary>
    public int Id { get; private set; }

    /// <summary>Its exit code, once it has ended. Its orphans may still hold its output open, which is why that is not waited for.</summary>
    public Task<int> Ended => _ended.Task;

    /// <summary>Starts it in a session of its own, so that the terminal's Ctrl-C reaches the host alone, which then stops the server last.</summary>
    /// <param name="binaries">Its programs.</param>
    /// <param name="cluster">Its folder.</param>
    /// <param name="log">Takes what it says.</param>
    /// <param name="settings">Settings for this start only, <c>name=value</c>; they win over its files.</param>
    public static ServerProcess Launch(ServerBinaries binaries, ClusterFolder cluster, ServerLog log, params IEnumerable<string> settings)
    {
        var program = ServerCommand.StartInfo(
            binaries.PathOf("postgres"), ["-D", cluster.Data, .. settings.SelectMany(s => new[] { "-c", s })], cluster.Owner);
        var info = ServerCommand.StartInfo("/usr/bin/setsid", ["--wait", program.FileName, .. program.ArgumentList], asOwner: null);
        info.RedirectStandardError = true;
        info.RedirectStandardOutput = true;
        var process = new Process { StartInfo = info, EnableRaisingEvents = true };
        var server = new ServerProcess(process);
        process.OutputDataReceived += (_, line) => log.Write(line.Data);
        process.ErrorDataReceived += (_, line) => log.Write(line.Data);
        process.Exited += (_, _) => server._ended.TrySetResult(process.ExitCode);
        process.Start();
        server.Id = process.Id;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return server;
    }

    /// <summary>Sends it a signal, and says whether it ended within a time.</summary>
    public async Task<bool> EndsAfterAsync(string signal, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!Ended.IsCompleted)
        {
            await ServerProcesses.SignalAsync(Id, signal, cancellationToken);
        }

        try
        {
            await Ended.WaitAsync(patience, time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <inheritdoc />
    public void Dispose() => _process.Dispose();
}
