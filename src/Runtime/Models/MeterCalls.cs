using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Governance;

namespace ControlCenter.Runtime.Models;

/// <summary>Says for whom each call is, sets its worst case aside before it is made, and settles it once, however it ends.</summary>
public sealed class MeterCalls(
    AttributeCall attribute, SpendBreakers spending, ReserveSpend reserve, ReleaseSpend release, LiveReservations live, UnsettledCalls unsettled, RecordDecisions decisions)
{
    /// <summary>For whom a call is.</summary>
    /// <exception cref="ForbiddenException">The caller claims a task that is not its own.</exception>
    internal Task<Attribution> AttributeAsync(Caller caller, ModelCall call, CancellationToken cancellationToken) =>
        attribute.FindAsync(caller, call.Session, call.TaskId, cancellationToken);

    /// <summary>Sets aside the most that a call of its present module can cost; what was set aside for another is given back.</summary>
    /// <exception cref="DomainException"><c>budget_exhausted</c> or <c>breaker_open</c>: nothing is set aside.</exception>
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
            await spending.CheckAsync(under.Attribution, module.Id, module.Provider, worst, cancellationToken);
            var reservation = under.Beside is null
                ? (await reserve.ExecuteAsync(under.Attribution, module.Id, module.Provider, worst, cancellationToken)).Id
                : await reserve.IfItFitsAsync(under.Attribution, module.Id, module.Provider, worst, cancellationToken);
            live.Add(reservation);
            under.Reservation = reservation;
        }
    }

    /// <summary>Settles a call: its one cost event, its budgets, and why it went as it did. A caller that has gone is no reason not to.</summary>
    internal void Settle(CallUnderWay under, CallEnd end, AnswerReader? read)
    {
        if (!under.IsSettled)
        {
            under.IsSettled = true;
            decisions.Keep(under, end, null);
            under.Cost = under.ToCost(end, read);
            unsettled.Settle(under.Reservation, under.Cost);
        }
    }

    /// <summary>Keeps why a call was refused. One that had reached a provider before is settled as failed.</summary>
    internal void Refused(CallUnderWay under, DomainException refused)
    {
        if (under.IsSettled)
        {
            return;
        }

        if (under.Steps.Exists(s => s.What == "failed"))
        {
            Settle(under, CallEnd.Failed, null);
        }
        else
        {
            under.IsSettled = true;

            // What was to be made beside a call and was not is no refusal that anybody got.
            if (under.Beside is null)
            {
                decisions.Keep(under, null, refused.Code);
            }
        }
    }
}
