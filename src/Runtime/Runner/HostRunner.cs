using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Ids;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Bus;
using Microsoft.Extensions.Logging;
using Polly;

namespace ControlCenter.Runtime.Runner;

/// <summary>Brings what runs here to what the bus says is to run, for as long as it is not told to end.</summary>
public sealed partial class HostRunner(RunnerOptions options, RunnerParts parts, BusConnection bus, HostFacts facts, ILogger logger, TimeProvider time)
{
    // Each report renews the slots' leases, of 45 s: a lost one and the next one still come in time.
    private const int WaitSeconds = 10;

    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(250);

    private readonly Guid _bootId = Uuid7.New(time);
    private readonly HostLoadMeter _load = new(options.Folder, options.SystemRoot);
    private readonly TaskCompletionSource<RunnerOutcome> _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _reportedAt = time.GetTimestamp();
    private bool _isCutOff;

    /// <summary>Ends with the first answer of the bus: this host is who.</summary>
    public Task<KnownHost> Joined => _joined.Task;

    private readonly TaskCompletionSource<KnownHost> _joined = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Runs.</summary>
    /// <exception cref="RunnerFolderTakenException">Another runner has the folder.</exception>
    public async Task<RunnerOutcome> RunAsync(RunnerEnding ending)
    {
        using var folder = RunnerFolder.Take(options.Folder);
        await using var supervisor = Supervisor.Open(folder, options, parts, logger, time);
        using var orders = new OrderFollower(supervisor, bus, () => _over.TrySetResult(RunnerOutcome.Left), logger, time);
        using var working = new CancellationTokenSource();
        await using var onStop = ending.Stop.Register(() => _over.TrySetResult(RunnerOutcome.Stopped));
        await using var onHandOver = ending.HandOver.Register(() => _over.TrySetResult(RunnerOutcome.HandedOver));
        Task[] loops = [ReportAsync(supervisor, orders, working.Token), HandOverOutputAsync(supervisor, working.Token), WatchLeaseAsync(supervisor, working.Token)];
        foreach (var loop in loops)
        {
            _ = WatchAsync(loop);
        }

        try
        {
            var outcome = await _over.Task;
            if (outcome != RunnerOutcome.HandedOver)
            {
                await new RunnerFarewell(supervisor, bus, options.LookEvery, logger, time).EndAllAsync(
                    outcome, () => orders.IsStarting, hostId => SendAsync(supervisor, orders, hostId, 0, CancellationToken.None),
                    _joined.Task.IsCompletedSuccessfully ? (await _joined.Task).HostId : null, ending.Leaves);
            }

            return outcome;
        }
        finally
        {
            await working.CancelAsync();
            await Task.WhenAll(loops).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await orders.Started.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WatchAsync(Task loop)
    {
        try
        {
            await loop;
        }
        catch (OperationCanceledException)
        {
            // It was told to.
        }
        catch (BusRefusedException fault)
        {
            LogRefused(logger, fault.Message);
            _over.TrySetResult(RunnerOutcome.Refused);
        }
#pragma warning disable CA1031 // Handed on whole: a loop that faults ends the runner, and whoever started it starts it again.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            _over.TrySetException(fault);
        }
    }

    private async Task ReportAsync(Supervisor supervisor, OrderFollower orders, CancellationToken cancellationToken)
    {
        var host = await Retry("be reached").ExecuteAsync(async ct => await bus.WhoAmIAsync(ct), cancellationToken);
        _joined.TrySetResult(host);
        LogJoined(logger, bus.Address, host.Name, host.HostId, host.Primary ?? "nobody just now", host.PrimarySurface ?? "none");
        var retry = Retry("be told");
        Task<(HostOrders Orders, AnswerAge Age)>? held = null;
        var holding = new CancellationTokenSource();
        while (!cancellationToken.IsCancellationRequested)
        {
            // Taken before looking: what changes from here on is told by the next report.
            var change = supervisor.NextChange;
            orders.Follow(host.HostId, await retry.ExecuteAsync(async ct => await SendAsync(supervisor, orders, host.HostId, 0, ct), cancellationToken));
            await holding.CancelAsync();
            if (held is not null)
            {
                await ((Task)held).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            holding.Dispose();
            holding = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            do
            {
                held = SendAsync(supervisor, orders, host.HostId, WaitSeconds, holding.Token);
                if (await Task.WhenAny(held, change) != held)
                {
                    break;
                }

                if (!held.IsCompletedSuccessfully)
                {
                    // The plain report says what is wrong, and waits.
                    break;
                }

                var before = orders.Seen;
                var answer = await held;
                orders.Follow(host.HostId, answer);
                if (answer.Orders.Mark == before)
                {
                    // Nothing new, and answered before its time: a bus that is stopping holds nothing back.
                    await Task.WhenAny(change, Task.Delay(Breath, time, cancellationToken));
                }
            }
            while (!change.IsCompleted);
        }

        holding.Dispose();
    }

    private async Task<(HostOrders Orders, AnswerAge Age)> SendAsync(Supervisor supervisor, OrderFollower orders, Guid hostId, int waitSeconds, CancellationToken cancellationToken)
    {
        // The lease is renewed when the bus gets it, which is no sooner than now.
        var (sentAt, age) = (time.GetTimestamp(), new AnswerAge(time));
        var report = new HostReport(_bootId, facts.Version, _load.Measure(), supervisor.Observe(), orders.Seen, waitSeconds, facts.Surface, facts.Labels);
        var answer = await bus.ReportAsync(hostId, report, cancellationToken);
        Interlocked.Exchange(ref _reportedAt, Math.Max(sentAt, Interlocked.Read(ref _reportedAt)));
        return (answer, age);
    }

    private async Task HandOverOutputAsync(Supervisor supervisor, CancellationToken cancellationToken)
    {
        var host = await _joined.Task.WaitAsync(cancellationToken);
        var output = new OutputCourier(bus, host.HostId, logger);
        var retry = Retry("be given output");
        while (true)
        {
            var isMore = await retry.ExecuteAsync(async ct => await output.HandOverAsync(supervisor.Runs, ct), cancellationToken);
            if (!isMore)
            {
                await Task.Delay(OutputCourier.Pause, time, cancellationToken);
            }
        }
    }

    /// <summary>A host that cannot report loses its slots: it holds what runs there still before their leases run out, and ends it a while later.</summary>
    private async Task WatchLeaseAsync(Supervisor supervisor, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(options.LookEvery, time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            var silence = time.GetElapsedTime(Interlocked.Read(ref _reportedAt));
            var isCutOff = silence > options.SlotLease;
            if (isCutOff && !_isCutOff)
            {
                var count = supervisor.Runs.Count(r => !r.HasEnded);
                LogCutOff(logger, bus.Address, silence.TotalSeconds, count);
            }
            else if (!isCutOff && _isCutOff)
            {
                LogBack(logger, bus.Address);
            }

            _isCutOff = isCutOff;
            foreach (var run in supervisor.Runs.Where(r => !r.HasEnded))
            {
                run.CutOff(isCutOff);
                if (silence > options.SlotLease + options.CutOffGrace)
                {
                    run.End(RuntimeEnd.Lost, $"Its host could not reach the bus for {silence.TotalSeconds:0} s.");
                }
            }
        }
    }

    private ResiliencePipeline Retry(string what) => BusRetry.Build(
        time,

        // One that was let in before may be so again: a bus that starts anew makes a new key. When its slots are gone it gives up.
        () => _joined.Task.IsCompleted && time.GetElapsedTime(Interlocked.Read(ref _reportedAt)) < options.SlotLease + options.CutOffGrace,
        reason => LogRetry(logger, bus.Address, what, reason));

    [LoggerMessage(EventId = 1810, Level = LogLevel.Information, Message = "Joined {Bus} as the host {Name} ({HostId}); the primary is {Primary} (surface {Surface})")]
    private static partial void LogJoined(ILogger logger, Uri bus, string name, Guid hostId, string primary, string surface);

    [LoggerMessage(EventId = 1811, Level = LogLevel.Error, Message = "Cut off: {Bus} has not been reached for {Seconds:0} s, and the slots' leases run out; {Count} agents are held still")]
    private static partial void LogCutOff(ILogger logger, Uri bus, double seconds, int count);

    [LoggerMessage(EventId = 1812, Level = LogLevel.Information, Message = "{Bus} is reached again")]
    private static partial void LogBack(ILogger logger, Uri bus);

    [LoggerMessage(EventId = 1813, Level = LogLevel.Warning, Message = "{Bus} cannot {What}, and is tried again: {Reason}")]
    private static partial void LogRetry(ILogger logger, Uri bus, string what, string reason);

    [LoggerMessage(EventId = 1818, Level = LogLevel.Error, Message = "Refused: {Reason}")]
    private static partial void LogRefused(ILogger logger, string reason);
}
