using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Governance;

/// <summary>A budget that is used up.</summary>
/// <param name="BudgetId">Which one.</param>
/// <param name="PeriodStart">In which of its periods.</param>
/// <param name="Refused">What did not fit, in the budget's currency; null where it was the spending itself that reached the limit.</param>
public sealed record Breach(Guid BudgetId, DateTimeOffset PeriodStart, decimal? Refused = null);

/// <summary>
/// What is known of budgets that reached a limit: one row a breach, however many calls ran into it, and the work that it holds up.
/// Whoever asks a human and parks the work reads it from the log (Escalations/EscalateBudgetBreaches).
/// </summary>
public sealed class BudgetBreaches(TimeProvider time)
{
    // A budget for good has no end that a raise could last to.
    private const int ProposedDays = 1;

    /// <summary>Tells once a period that a budget's soft limit is reached.</summary>
    public static async Task TellSoftLimitAsync(UnitOfWork unit, Guid budget, DateTimeOffset start, CancellationToken cancellationToken)
    {
        var first = await unit.ExecuteAsync(
            "update budget_periods set soft_told_at = clock_timestamp() where budget_id = @budget and period_start = @start and soft_told_at is null",
            cancellationToken, ("budget", budget), ("start", start.UtcDateTime));
        if (first == 1)
        {
            var standing = await StandingAsync(unit, budget, start, cancellationToken);
            var title = $"{standing.Name} is over its soft limit: {new Money(standing.Spent, standing.Currency)} of {new Money(standing.Soft ?? 0, standing.Currency)}";
            unit.Record("budget.soft_limit", ("budget", budget.ToString()), standing.With(title));
            unit.Record("alert.raised", ("budget", budget.ToString()), new { Severity = "warning", Source = "budget", Title = title });
        }
    }

    /// <summary>Opens the breach unless it is open, and holds up the work that ran into it.</summary>
    /// <param name="unit">The transaction.</param>
    /// <param name="breach">Which.</param>
    /// <param name="work">Whose calls ran into it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task OpenAsync(UnitOfWork unit, Breach breach, IReadOnlyList<Attribution> work, CancellationToken cancellationToken)
    {
        var standing = await StandingAsync(unit, breach.BudgetId, breach.PeriodStart, cancellationToken);
        var id = Uuid7.New(time);
        await using var insert = unit.Command(
            """
            insert into budget_breaches (id, budget_id, period_start, period_end, spent, limit_then, refused_amount, proposed_raise, proposed_until)
            values (@id, @budget, @start, @end, @spent, @limit, @refused, @raise, coalesce(@end, clock_timestamp() + make_interval(days => @days)))
            on conflict (budget_id, period_start) where closed_at is null do nothing
            """,
            ("id", id), ("budget", breach.BudgetId), ("start", breach.PeriodStart.UtcDateTime), ("end", standing.PeriodEnd?.UtcDateTime),
            ("spent", standing.Spent), ("limit", standing.Limit), ("refused", breach.Refused),
            ("raise", BudgetRules.ProposedRaise(standing.Hard, standing.Limit, standing.Spent + standing.Reserved, breach.Refused)), ("days", ProposedDays));
        var opened = await insert.ExecuteNonQueryAsync(cancellationToken) == 1;
        if (!opened)
        {
            await using var find = unit.Command(
                "select id from budget_breaches where budget_id = @budget and period_start = @start and closed_at is null",
                ("budget", breach.BudgetId), ("start", breach.PeriodStart.UtcDateTime));
            if (await find.ExecuteScalarAsync(cancellationToken) is not Guid open)
            {
                // Closed between the two statements: there is room again, and whoever is refused next opens a new one.
                return;
            }

            id = open;
        }

        if (opened)
        {
            var left = new Money(standing.Limit - standing.Spent - standing.Reserved, standing.Currency);
            var title = breach.Refused is { } refused
                ? $"{standing.Name} is used up: {left} are left of {new Money(standing.Limit, standing.Currency)}, and a call may cost {new Money(refused, standing.Currency)}"
                : $"{standing.Name} is used up: {new Money(standing.Spent, standing.Currency)} of {new Money(standing.Limit, standing.Currency)} are spent";
            unit.Record("budget.exhausted", ("budget", breach.BudgetId.ToString()), standing.With(title, id, breach.Refused));
            unit.Record("alert.raised", ("budget", breach.BudgetId.ToString()), new { Severity = "critical", Source = "budget", Title = title });
        }

        foreach (var who in work)
        {
            await HoldAsync(unit, id, breach.BudgetId, who, cancellationToken);
        }
    }

    /// <summary>Closes what is open of a budget, if there is room in it again.</summary>
    /// <param name="unit">The transaction, in which whatever made room was done.</param>
    /// <param name="budget">Which budget.</param>
    /// <param name="why">What made room: <c>raised</c>, <c>changed</c>, <c>deleted</c>, <c>period_over</c>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="evenIfFull">Also if there is none: somebody has decided, and what happens next is a new breach.</param>
    public static async Task CloseAsync(UnitOfWork unit, Guid budget, string why, CancellationToken cancellationToken, bool evenIfFull = false)
    {
        var closed = new List<Guid>();
        await using (var command = unit.Command(
            """
            update budget_breaches x set closed_at = clock_timestamp(), closed_why = @why
            from budgets b, budget_periods p
            where x.budget_id = @budget and x.closed_at is null and b.id = x.budget_id and p.budget_id = x.budget_id and p.period_start = x.period_start
                and (@even_if_full or b.deleted_at is not null or x.period_end <= clock_timestamp()
                    or (p.spent < budget_limit(b.id) and x.limit_then < budget_limit(b.id)))
            returning x.id
            """,
            ("budget", budget), ("why", why), ("even_if_full", evenIfFull)))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                closed.Add(reader.GetGuid(0));
            }
        }

        foreach (var breach in closed)
        {
            unit.Record("budget.reopened", ("budget", budget.ToString()), new { BudgetId = budget, BreachId = breach, Why = why });
        }
    }

    /// <summary>Opens a breach where a limit was lowered, or an override ended, below what is spent already.</summary>
    public async Task ReviewAsync(UnitOfWork unit, Guid budget, CancellationToken cancellationToken)
    {
        // What is open is over with more than the limit that it is about: that has come down.
        await unit.ExecuteAsync(
            "update budget_breaches set limit_then = budget_limit(budget_id) where budget_id = @budget and closed_at is null and limit_then > budget_limit(budget_id)",
            cancellationToken, ("budget", budget));
        await using var command = unit.Command(
            """
            select p.period_start from budgets b
            join budget_periods p on p.budget_id = b.id and p.period_start = budget_period_start(b.period, clock_timestamp())
            where b.id = @budget and b.deleted_at is null and p.spent > 0 and p.spent >= budget_limit(b.id)
            for update of p
            """,
            ("budget", budget));
        if (await command.ExecuteScalarAsync(cancellationToken) is DateTime start)
        {
            await OpenAsync(unit, new Breach(budget, new DateTimeOffset(start, TimeSpan.Zero)), [], cancellationToken);
        }
    }

    private static async Task HoldAsync(UnitOfWork unit, Guid breach, Guid budget, Attribution who, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            insert into budget_breach_tasks (breach_id, lease_id, task_id, agent_id)
            select @breach, l.id, l.task_id, l.agent_id
            from leases l where l.task_id = @task and l.ended_at is null and l.expires_at > clock_timestamp() and (@agent::uuid is null or l.agent_id = @agent)
            on conflict do nothing
            returning lease_id, agent_id
            """,
            ("breach", breach), ("task", who.TaskId), ("agent", who.AgentId));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (await reader.ReadAsync(cancellationToken))
        {
            unit.Record(
                "budget.task_held", ("budget", budget.ToString()),
                new { BudgetId = budget, BreachId = breach, LeaseId = reader.GetGuid(0), AgentId = reader.GetGuid(1) }, who.TicketId, who.TaskId);
        }
    }

    private static async Task<Standing> StandingAsync(UnitOfWork unit, Guid budget, DateTimeOffset start, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select b.scope, b.scope_id, b.period, b.soft_limit, b.hard_limit, budget_limit(b.id), b.currency, p.spent, p.reserved, budget_period_end(b.period, p.period_start),
                coalesce(budget_scope_name(b.scope, b.scope_id), b.scope_id)
            from budgets b join budget_periods p on p.budget_id = b.id and p.period_start = @start
            where b.id = @budget
            """,
            ("budget", budget), ("start", start.UtcDateTime));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new Standing(
            budget, WireNames<BudgetScope>.Parse(reader.GetString(0)), reader.GetString(1), WireNames<BudgetPeriod>.Parse(reader.GetString(2)),
            reader.IsDBNull(3) ? null : reader.GetDecimal(3), reader.GetDecimal(4), reader.GetDecimal(5), reader.GetString(6),
            reader.GetDecimal(7), reader.GetDecimal(8), reader.IsDBNull(9) ? null : reader.GetFieldValue<DateTimeOffset>(9), reader.GetString(10));
    }

    private sealed record Standing(
        Guid BudgetId, BudgetScope Scope, string ScopeId, BudgetPeriod Period, decimal? Soft, decimal Hard, decimal Limit, string Currency,
        decimal Spent, decimal Reserved, DateTimeOffset? PeriodEnd, string ScopeName)
    {
        public string Name => BudgetName.Of(Scope, ScopeName, Period);

        public object With(string title, Guid? breach = null, decimal? refused = null) => new
        {
            BudgetId, BreachId = breach, Title = title, Scope, ScopeId, Period, SoftLimit = Soft, HardLimit = Hard, LimitNow = Limit, Currency, Spent, Reserved,
            Refused = refused, PeriodEnd,
        };
    }
}
