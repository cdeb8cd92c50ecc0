using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Governance;

/// <summary>Gives back what a call had set aside that nobody settled: its host died on the way. What it cost is unknown, and is recorded so.</summary>
public sealed class ReleaseLostReservations(Transactions transactions, RecordCosts costs, TimeProvider time, ILogger<ReleaseLostReservations> logger)
    : SupervisedService("lost-reservations", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // So many at once, so that a crash in the middle of a busy hour does not hold the counters for long.
    private const int PageSize = 100;

    // A call that comes back after that is recorded as a cost of its own beside the lost one.
    private const int RememberedDays = 7;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            var lost = await transactions.RunAsync(Caller.Host, ReleaseAsync, stoppingToken);
            Beat(lost == 0 ? "none is left behind" : string.Create(CultureInfo.InvariantCulture, $"{lost} given back"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<int> ReleaseAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync(
            "delete from budget_reservations where lost_at < clock_timestamp() - make_interval(days => @days)", cancellationToken, ("days", RememberedDays));
        var lost = await FindAsync(unit, cancellationToken);
        await costs.AppendAsync(unit, lost, cancellationToken);
        await BudgetReservations.ReleaseAsync(unit, [.. lost.Select(c => c.EventId)], isLost: true, cancellationToken);
        foreach (var call in lost)
        {
            unit.Record(
                "budget.reservation_lost", ("reservation", call.EventId.ToString()),
                new { ReservationId = call.EventId, call.ModuleId, call.Provider, call.Attribution.AgentId, MadeAt = call.At },
                call.Attribution.TicketId, call.Attribution.TaskId);
        }

        return lost.Count;
    }

    // The lost call's cost has the reservation's id: whoever finds it again later corrects exactly this one.
    private static async Task<List<CostEvent>> FindAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select id, made_at, attribution, module_id, provider from budget_reservations
            where lost_at is null and expires_at <= clock_timestamp()
            order by expires_at limit @page for update skip locked
            """,
            ("page", PageSize));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var lost = new List<CostEvent>();
        while (await reader.ReadAsync(cancellationToken))
        {
            lost.Add(new CostEvent
            {
                EventId = reader.GetGuid(0),
                At = reader.GetFieldValue<DateTimeOffset>(1),
                Attribution = JsonSerializer.Deserialize<Attribution>(reader.GetString(2), WireJson.Options)!,
                ModuleId = reader.GetString(3),
                Provider = reader.GetString(4),
                Knowledge = CostKnowledge.Unknown,
                End = CallEnd.Lost,
                Notes = "The host ended before the call was settled.",
            });
        }

        return lost;
    }
}
