using System.Diagnostics;
using ControlCenter.CommandLine;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Hosts;
using ControlCenter.Runtime.Orchestration;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Processes;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace ControlCenter.Hosting;

/// <summary>
/// The runner of the bus's own machine: a process of its own, which outlives a bus that dies, makes room for the one of the next bus,
/// and is stopped, with all that it runs, before the doors close.
/// </summary>
internal sealed partial class LocalRunner(
    HostSettings settings, LocalHost host, Primary primary, IServer server, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<LocalRunner> logger)
    : SupervisedService("local-runner", time, logger), IHostedLifecycleService
{
    // Agents have 10 s to end; their last words and the report of it follow, to a bus on the same machine. All of the host's end is to take less
    // than 30 s (OR-23), and what is shipped and settled at it needs its share of that.
    private static readonly TimeSpan StopPatience = RuntimeTimeouts.StopGrace + TimeSpan.FromSeconds(5);

    private static readonly TimeSpan HandOverPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    // Its log begins anew when it is larger at a start.
    private const long LargestLog = 10 * 1024 * 1024;

    // What the bus itself was given is nobody's business in a process whose agents' definitions may name variables.
    private static readonly string[] Withheld = ["CC_FOUNDER_KEY", "CC_DATABASE", "CC_LISTEN", HostVerbs.KeyVariable];

    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private string Folder => Path.Combine(settings.Home, "runner");

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <summary>An address that this machine reaches a listening one by.</summary>
    public static Uri Reachable(Uri listen) =>
        listen.Host is "0.0.0.0" or "[::]" or "::" ? new UriBuilder(listen) { Host = "127.0.0.1" }.Uri : listen;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Before the doors close: the runner's last report must still find them open.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _ended.Task.WaitAsync(StopPatience + HandOverPatience, Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _stopping.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, _stopping.Token);
            Uri address;
            try
            {
                address = await AddressAsync(either.Token);
                await PrimaryAsync(either.Token);
                JoinedPlace.WriteKey(Folder, (await host.RenewKeyAsync(either.Token)).Key);
            }
            catch (OperationCanceledException) when (either.IsCancellationRequested)
            {
                await EndEarlierAsync();
                throw;
            }

            // Not broken off in between: what the earlier one has let go of would be nobody's.
            await TakeOverAsync();
            using var process = Start(address);
            Beat($"process {process.Id}");
            LogStarted(Logger, process.Id);
            try
            {
                await process.WaitForExitAsync(either.Token);
            }
            catch (OperationCanceledException)
            {
                await StopAsync(process);
                return;
            }

            throw new InvalidOperationException($"The runner ended with {process.ExitCode}; {Path.Combine(Folder, "runner.log")} says why.");
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // It was stopped before the doors close, which is earlier than the other services are.
        }
        finally
        {
            if (_stopping.IsCancellationRequested || stoppingToken.IsCancellationRequested)
            {
                _ended.TrySetResult();
            }
        }
    }

    // Known once the doors are open, which is after this service was started.
    private async Task<Uri> AddressAsync(CancellationToken cancellationToken)
    {
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = lifetime.ApplicationStarted.Register(open.SetResult);
        await open.Task.WaitAsync(cancellationToken);
        return Reachable(new Uri(server.Features.Get<IServerAddressesFeature>()!.Addresses.First()));
    }

    // Several buses on one database have one local host between them: the primary's machine.
    private async Task PrimaryAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Poll, Time);
        while (primary.Epoch is null)
        {
            Beat("waits to be the primary's");
            await timer.WaitForNextTickAsync(cancellationToken);
        }
    }

    /// <summary>Asks the runner of an earlier bus to make room. It leaves what it runs, and the next one takes that up.</summary>
    private async Task TakeOverAsync()
    {
        if (RunnerFolder.HolderOf(Folder) is not { } earlier)
        {
            return;
        }

        LogTakesOver(Logger, earlier.Pid);
        RunnerSignals.HandOver(earlier);
        var askedAt = Time.GetTimestamp();
        using var timer = new PeriodicTimer(Poll, Time);
        while (earlier.IsAlive)
        {
            if (Time.GetElapsedTime(askedAt) > HandOverPatience)
            {
                // It loses nothing by that: what it knows is on disk, and its agents hold their own pipes.
                RunnerSignals.Kill(earlier);
            }

            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    // Told to stop before it had a runner of its own: the one that an earlier bus left ends what it runs.
    private async Task EndEarlierAsync()
    {
        if (RunnerFolder.HolderOf(Folder) is not { } earlier)
        {
            return;
        }

        LogStopping(Logger, earlier.Pid);
        RunnerSignals.Terminate(earlier);
        var askedAt = Time.GetTimestamp();
        using var timer = new PeriodicTimer(Poll, Time);
        while (earlier.IsAlive && Time.GetElapsedTime(askedAt) < StopPatience)
        {
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    // In a session of its own, so that the terminal's Ctrl-C reaches the bus alone, which then stops it in its turn.
    private Process Start(Uri address)
    {
        var log = Path.Combine(Folder, "runner.log");
        if (File.Exists(log) && new FileInfo(log).Length > LargestLog)
        {
            File.Move(log, log + ".1", overwrite: true);
        }

        var info = new ProcessStartInfo("/usr/bin/setsid") { UseShellExecute = false };
        foreach (var argument in (string[])["/bin/sh", "-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", log, .. RunnerProcess.Program, "host", "run", "--bus", address.ToString(), "--folder", Folder])
        {
            info.ArgumentList.Add(argument);
        }

        foreach (var name in Withheld)
        {
            info.Environment.Remove(name);
        }

        return Process.Start(info)!;
    }

    private async Task StopAsync(Process process)
    {
        LogStopping(Logger, process.Id);
        // Before it has its folder it does not yet listen to signals, and would leave what runs to nobody.
        var askedAt = Time.GetTimestamp();
        using var timer = new PeriodicTimer(Poll, Time);
        while (!process.HasExited && RunnerFolder.HolderOf(Folder)?.Pid != process.Id && Time.GetElapsedTime(askedAt) < HandOverPatience)
        {
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }

        if (ProcessIdentity.Of(process.Id) is { } runner && RunnerSignals.Terminate(runner))
        {
            using var patience = new CancellationTokenSource(StopPatience, Time);
            await process.WaitForExitAsync(patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (!process.HasExited)
        {
            LogStuck(Logger, process.Id, StopPatience.TotalSeconds);
            process.Kill();
        }
    }

    [LoggerMessage(EventId = 1830, Level = LogLevel.Information, Message = "The runner of this machine runs as process {Pid}")]
    private static partial void LogStarted(ILogger logger, int pid);

    [LoggerMessage(EventId = 1831, Level = LogLevel.Information, Message = "The runner of an earlier bus (process {Pid}) is asked to make room; its agents run on")]
    private static partial void LogTakesOver(ILogger logger, int pid);

    [LoggerMessage(EventId = 1832, Level = LogLevel.Debug, Message = "The runner (process {Pid}) and its agents are stopped")]
    private static partial void LogStopping(ILogger logger, int pid);

    [LoggerMessage(EventId = 1833, Level = LogLevel.Error, Message = "The runner (process {Pid}) did not stop within {Seconds} s and is killed; the next one ends what it leaves")]
    private static partial void LogStuck(ILogger logger, int pid, double seconds);
}
