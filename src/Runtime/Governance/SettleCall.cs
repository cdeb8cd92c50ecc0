using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Governance;

/// <summary>
/// Ends calls, many callers' in one commit: what each cost is recorded and charged, and what was set aside for it is given back, in
/// one transaction.
/// </summary>
public sealed class SettleCall(NpgsqlDataSource database, EventLogSignal signal, RecordCosts costs, TimeProvider time, ILogger<SettleCall> logger)
    : GroupCommit<SettleCall.Settlement, bool>("call-settlements", database, signal, time, logger)
{
    /// <summary>Settles a call. The same cost again changes nothing. A call that was given up as lost is corrected by what it cost after all.</summary>
    /// <param name="reservation">What was reserved for it; null for a call that nothing was reserved for.</param>
    /// <param name="ended">What it cost, as far as that is known.</param>
    /// <param name="cancellationToken">Gives up. A caller that has hung up is no reason to: the money is spent.</param>
    public Task ExecuteAsync(Guid? reservation, CostEvent ended, CancellationToken cancellationToken) =>
        SubmitAsync(new Settlement(reservation, ended, UnitOfWork.CurrentCorrelation), null, cancellationToken);

    /// <inheritdoc />
    /// <remarks>Nobody waits for a settlement, and a commit costs nearly the same for one as for many.</remarks>
    protected override TimeSpan Interval => TimeSpan.FromMilliseconds(10);

    /// <inheritdoc />
    protected override async Task ExecuteAsync(
        NpgsqlConnection connection, IReadOnlyList<GroupMember<Settlement, bool>> group, List<EventDraft> events, CancellationToken cancellationToken)
    {
        var unit = new UnitOfWork(connection, Caller.Host);
        var reservations = group.Where(m => m.Request.Reservation is not null).Select(m => m.Request.Reservation!.Value).ToArray();
        var lost = reservations.Length > 0 ? await BudgetReservations.LockAsync(unit, reservations, cancellationToken) : [];
        await costs.AppendEachAsync(
            unit,
            [.. group.Select(m => m.Request).Select(r => (r.Reservation is { } id && lost.Contains(id) ? r.Ended with { Corrects = id } : r.Ended, r.Correlation))],
            cancellationToken);
        if (reservations.Length > 0)
        {
            await BudgetReservations.ReleaseAsync(unit, reservations, isLost: false, cancellationToken);
        }

        events.AddRange(unit.Events);
    }

    /// <summary>A call that has ended.</summary>
    /// <param name="Reservation">What was reserved for it.</param>
    /// <param name="Ended">What it cost.</param>
    /// <param name="Correlation">The trace that it is part of.</param>
    public sealed record Settlement(Guid? Reservation, CostEvent Ended, Guid? Correlation);
}
