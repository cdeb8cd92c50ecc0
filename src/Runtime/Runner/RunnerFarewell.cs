using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Runner.Bus;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Runner;

/// <summary>How a runner ends: what it runs is ended first, and the bus is told how.</summary>
internal sealed partial class RunnerFarewell(Supervisor supervisor, BusConnection bus, TimeSpan lookEvery, ILogger logger, TimeProvider time)
{
    /// <summary>Ends everything.</summary>
    /// <param name="outcome">Why.</param>
    /// <param name="isStarting">Whether something is being started still.</param>
    /// <param name="report">Reports to the bus.</param>
    /// <param name="hostId">As whom; null where the bus was never reached.</param>
    /// <param name="leaves">Whether the host leaves when it was told to stop.</param>
    public async Task EndAllAsync(RunnerOutcome outcome, Func<bool> isStarting, Func<Guid, Task> report, Guid? hostId, bool leaves)
    {
        var why = outcome switch
        {
            RunnerOutcome.Stopped => "Its host was told to stop.",
            RunnerOutcome.Left => "Its host has left.",
            _ => "Its host is no longer let in.",
        };
        var count = supervisor.Runs.Count(r => !r.HasEnded);
        LogEnding(logger, count, why);
        while (true)
        {
            var change = supervisor.NextChange;
            var running = supervisor.Runs.Where(r => !r.HasEnded).ToList();
            if (running.Count == 0 && !isStarting())
            {
                break;
            }

            foreach (var run in running)
            {
                run.End(RuntimeEnd.Stopped, why);
            }

            await Task.WhenAny(change, Task.Delay(lookEvery, time));
        }

        if (outcome == RunnerOutcome.Stopped && hostId is { } self)
        {
            await TellAsync(self, report, leaves);
        }
    }

    // What they said last, then how they ended: a transcript is closed with its runtime.
    private async Task TellAsync(Guid hostId, Func<Guid, Task> report, bool leaves)
    {
        // A bus that is away keeps nobody from ending; it learns by silence what it was not told.
        using var patience = new CancellationTokenSource(RuntimeTimeouts.LastWords, time);
        try
        {
            var output = new OutputCourier(bus, hostId, logger);
            while (await output.HandOverAsync(supervisor.Runs, patience.Token))
            {
                // Until there is no more.
            }

            await report(hostId).WaitAsync(patience.Token);
            if (leaves)
            {
                await bus.LeaveAsync(hostId, patience.Token);
            }
        }
        catch (Exception fault) when (fault is HttpRequestException or OperationCanceledException or BusRefusedException or BusProblemException)
        {
            LogNotTold(logger, fault.Message);
        }
    }

    [LoggerMessage(EventId = 1815, Level = LogLevel.Information, Message = "{Count} agents are ended. {Why}")]
    private static partial void LogEnding(ILogger logger, int count, string why);

    [LoggerMessage(EventId = 1816, Level = LogLevel.Warning, Message = "The bus could not be told how it ended: {Reason}")]
    private static partial void LogNotTold(ILogger logger, string reason);
}
