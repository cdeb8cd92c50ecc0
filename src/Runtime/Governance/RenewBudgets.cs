using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Governance;

/// <summary>Does to budgets what time does: ends overrides that have run out, and reopens budgets whose next period has begun.</summary>
/// <remarks>The limits themselves go by the clock of each statement; this only tells of it, and lets the work go on or not.</remarks>
public sealed class RenewBudgets(NpgsqlDataSource database, Transactions transactions, BudgetBreaches breaches, TimeProvider time, ILogger<RenewBudgets> logger)
    : SupervisedService("budget-renewal", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // What is overdue and locked by somebody else is looked for again, but not without a pause.
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(10);

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var ended = await transactions.RunAsync(Caller.Host, EndOverridesAsync, stoppingToken);
            var reopened = await transactions.RunAsync(Caller.Host, ReopenAsync, stoppingToken);
            Beat(ended + reopened == 0 ? "nothing is due" : string.Create(CultureInfo.InvariantCulture, $"{ended} overrides ended, {reopened} budgets reopened"));
            await Task.Delay(await UntilNextAsync(stoppingToken), Time, stoppingToken);
        }
    }

    // To the moment, where one is known: agents wait for a period to be over.
    private async Task<TimeSpan> UntilNextAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select extract(epoch from min(due.at) - clock_timestamp())::float8 from (
                select period_end as at from budget_breaches where closed_at is null
                union all select expires_at from budget_overrides where ended_at is null) due
            """);
        var due = await command.ExecuteScalarAsync(cancellationToken) is double seconds && seconds < Interval.TotalSeconds ? TimeSpan.FromSeconds(seconds) : Interval;
        return due > Shortest ? due : Shortest;
    }

    private async Task<int> EndOverridesAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        var ended = new List<(Guid Override, Guid Budget, decimal Amount)>();
        await using (var command = unit.Command(
            """
            update budget_overrides o set ended_at = clock_timestamp()
            where o.id in (select id from budget_overrides where ended_at is null and expires_at <= clock_timestamp() limit 100 for update skip locked)
            returning o.id, o.budget_id, o.amount
            """))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                ended.Add((reader.GetGuid(0), reader.GetGuid(1), reader.GetDecimal(2)));
            }
        }

        foreach (var (id, budget, amount) in ended.OrderBy(e => e.Budget))
        {
            await BudgetHistory.WriteAsync(unit, Time, budget, "raise_ended", new { OverrideId = id, Amount = amount }, cancellationToken);
            await breaches.ReviewAsync(unit, budget, cancellationToken);
        }

        return ended.Count;
    }

    private static async Task<int> ReopenAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        var due = new List<Guid>();
        await using (var command = unit.Command(
            "select distinct budget_id from budget_breaches where closed_at is null and period_end <= clock_timestamp() order by budget_id limit 100"))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                due.Add(reader.GetGuid(0));
            }
        }

        foreach (var budget in due)
        {
            await BudgetBreaches.CloseAsync(unit, budget, "period_over", cancellationToken);
        }

        return due.Count;
    }
}
