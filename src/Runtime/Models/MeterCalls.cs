using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Governance;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Models;

/// <summary>Says for whom each call is, sets its worst case aside before it is made, and settles it once, however it ends.</summary>
public sealed partial class MeterCalls(
    AttributeCall attribute, ReserveSpend reserve, ReleaseSpend release, SettleCall settle, LiveReservations live, RecordDecisions decisions, TimeProvider time, ILogger<MeterCalls> logger)
{
    // A database that starts again is back within seconds; what is still not settled after this is found by its reservation's age.
    private const int MostSettlements = 6;
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(200);

    /// <summary>For whom a call is.</summary>
    /// <exception cref="ForbiddenException">The caller claims a task that is not its own.</exception>
    internal Task<Attribution> AttributeAsync(Caller caller, ModelCall call, CancellationToken cancellationToken) =>
        attribute.FindAsync(caller, call.Session, call.TaskId, cancellationToken);

    /// <summary>Sets aside the most that a call of its present module can cost; what was set aside for another is given back.</summary>
    /// <exception cref="DomainException"><c>budget_exhausted</c>: nothing is set aside.</exception>
    internal async Task ReserveAsync(CallUnderWay under, CancellationToken cancellationToken)
    {
        if (under.Reservation is { } before)
        {
            under.Reservation = null;
            live.Remove(before);
            await release.ExecuteAsync(before, CancellationToken.None);
        }

        if (under is { Price: { } price, Module: { } module } && under.Call.Endpoint.IsCharged())
        {
            var input = module.ContextWindow is { } window ? Math.Min(window, under.Request.InputEstimate) : under.Request.InputEstimate;
            var worst = Pricing.WorstCase(price, input, under.Request.OutputBound(module));
            var reservation = (await reserve.ExecuteAsync(under.Attribution, module.Id, module.Provider, worst, cancellationToken)).Id;
            live.Add(reservation);
            under.Reservation = reservation;
        }
    }

    /// <summary>Settles a call: its one cost event, its budgets, and why it went as it did. A caller that has gone is no reason not to.</summary>
    internal async Task SettleAsync(CallUnderWay under, CallEnd end, AnswerReader? read)
    {
        if (under.IsSettled)
        {
            return;
        }

        under.IsSettled = true;
        decisions.Keep(under, end, null);
        try
        {
            await SettleAsync(under, under.ToCost(end, read));
        }
        finally
        {
            if (under.Reservation is { } ended)
            {
                live.Remove(ended);
            }
        }
    }

    private async Task SettleAsync(CallUnderWay under, CostEvent cost)
    {
        var wait = FirstWait;
        for (var tries = 1; ; tries++)
        {
            try
            {
                await settle.ExecuteAsync(under.Reservation, cost, CancellationToken.None);
                return;
            }
            catch (NpgsqlException fault) when (tries < MostSettlements)
            {
                // The same cost again counts once, so that it does not matter whether this one was committed.
                LogSettledAgain(logger, under.Id, tries, fault);
                await Task.Delay(wait, time);
                wait *= 2;
            }
        }
    }

    /// <summary>Keeps why a call was refused. One that had reached a provider before is settled as failed.</summary>
    internal async Task RefusedAsync(CallUnderWay under, DomainException refused)
    {
        if (under.IsSettled)
        {
            return;
        }

        if (under.Steps.Exists(s => s.What == "failed"))
        {
            await SettleAsync(under, CallEnd.Failed, null);
        }
        else
        {
            under.IsSettled = true;
            decisions.Keep(under, null, refused.Code);
        }
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Warning, Message = "Call {Call} could not be settled in try {Try}; it is tried again")]
    private static partial void LogSettledAgain(ILogger logger, Guid call, int @try, Exception fault);
}
