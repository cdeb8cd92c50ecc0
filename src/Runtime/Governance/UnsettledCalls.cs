using System.Collections.Concurrent;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Governance;

/// <summary>
/// Calls that have ended and are being settled: their callers have what they asked for, and do not wait for the disk. Until then the
/// worst case of each stays reserved; a crash leaves that behind, to be found by its age.
/// </summary>
public sealed partial class UnsettledCalls(SettleCall settle, LiveReservations live, TimeProvider time, ILogger<UnsettledCalls> logger) : IHostedService
{
    // A database that starts again is back within seconds; what is still not settled after this is found by its reservation's age.
    private const int MostTries = 6;
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(200);

    // A settlement takes some milliseconds; longer than this the database is away.
    private static readonly TimeSpan LongestStop = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<Guid, Task> _underWay = new();

    /// <summary>Has a call settled.</summary>
    /// <param name="reservation">What was reserved for it; null for a call that nothing was reserved for.</param>
    /// <param name="ended">What it cost, as far as that is known.</param>
    public void Settle(Guid? reservation, CostEvent ended)
    {
        var settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _underWay[ended.EventId] = settled.Task;
        _ = SettleAsync(reservation, ended, settled);
    }

    /// <summary>Waits until the calls that have ended by now are settled. True if there were any.</summary>
    public async Task<bool> SettledAsync(CancellationToken cancellationToken)
    {
        var settling = _underWay.Values.ToArray();
        await Task.WhenAll(settling).WaitAsync(cancellationToken);
        return settling.Length > 0;
    }

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc />
    /// <remarks>
    /// It is stopped after the server that takes calls in, which may have used up all the time there was for stopping, and before what settles them.
    /// </remarks>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await SettledAsync(CancellationToken.None).WaitAsync(LongestStop, time, CancellationToken.None);
        }
        catch (TimeoutException)
        {
            LogLeft(logger, _underWay.Count);
        }
    }

    private async Task SettleAsync(Guid? reservation, CostEvent ended, TaskCompletionSource settled)
    {
        var wait = FirstWait;
        for (var tries = 1; !settled.Task.IsCompleted; tries++)
        {
            try
            {
                await settle.ExecuteAsync(reservation, ended, CancellationToken.None);
                End(reservation, ended.EventId, settled);
            }
            catch (Exception fault) when (tries < MostTries && fault is NpgsqlException or UnavailableException)
            {
                // The same cost again counts once, so that it does not matter whether this one was committed.
                LogSettledAgain(logger, ended.EventId, tries, fault);
                await Task.Delay(wait, time);
                wait *= 2;
            }
#pragma warning disable CA1031 // Nobody waits for it: this is where it is told.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                LogNotSettled(logger, ended.EventId, fault);
                End(reservation, ended.EventId, settled);
            }
        }
    }

    private void End(Guid? reservation, Guid call, TaskCompletionSource settled)
    {
        if (reservation is { } held)
        {
            live.Remove(held);
        }

        _underWay.TryRemove(call, out _);
        settled.SetResult();
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Warning, Message = "Call {Call} could not be settled in try {Try}; it is tried again")]
    private static partial void LogSettledAgain(ILogger logger, Guid call, int @try, Exception fault);

    [LoggerMessage(EventId = 3102, Level = LogLevel.Error, Message = "Call {Call} could not be settled; what is reserved for it is given back by its age, and what it cost is kept as unknown")]
    private static partial void LogNotSettled(ILogger logger, Guid call, Exception fault);

    [LoggerMessage(EventId = 3103, Level = LogLevel.Warning, Message = "The host stops with {Count} calls unsettled; what is reserved for them is given back by its age")]
    private static partial void LogLeft(ILogger logger, int count);
}
