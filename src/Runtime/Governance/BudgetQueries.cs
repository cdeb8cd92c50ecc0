using System.Text.Json;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Governance;

/// <summary>A budget and how it stands in its present period.</summary>
/// <param name="BudgetId">Its id.</param>
/// <param name="Scope">Whose spending.</param>
/// <param name="ScopeId">Which project, ticket, …; null for the whole host.</param>
/// <param name="ScopeName">What that is called: a ticket's key, an agent's name.</param>
/// <param name="Period">How long until it begins anew.</param>
/// <param name="SoftLimit">From here on it warns.</param>
/// <param name="HardLimit">The limit as it was set.</param>
/// <param name="Currency">ISO 4217.</param>
/// <param name="LimitNow">The hard limit with the overrides that are in force.</param>
/// <param name="Spent">What was spent in this period.</param>
/// <param name="Reserved">What is set aside for calls under way.</param>
/// <param name="Remaining">What can still be reserved; below zero where more was spent than was reserved for it.</param>
/// <param name="CostEvents">How many costs were counted.</param>
/// <param name="UnknownCostEvents">How many of them have no known amount in this currency.</param>
/// <param name="State">How it stands.</param>
/// <param name="BreachedAt">Since when it is used up.</param>
/// <param name="EscalationId">What the founder is asked about that.</param>
/// <param name="PeriodStart">When this period began.</param>
/// <param name="PeriodEnd">When the next one begins; null for a budget for good.</param>
/// <param name="CreatedAt">Since when it counts.</param>
/// <param name="UpdatedAt">When it was last changed.</param>
public sealed record BudgetView(
    Guid BudgetId, BudgetScope Scope, string? ScopeId, string? ScopeName, BudgetPeriod Period, decimal? SoftLimit, decimal HardLimit, string Currency,
    decimal LimitNow, decimal Spent, decimal Reserved, decimal Remaining, long CostEvents, long UnknownCostEvents, BudgetState State,
    DateTimeOffset? BreachedAt, Guid? EscalationId, DateTimeOffset PeriodStart, DateTimeOffset? PeriodEnd, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt);

/// <summary>A line of a budget's history.</summary>
public sealed record BudgetChangeView(Guid ChangeId, DateTimeOffset At, Guid By, string ByName, string Change, JsonElement? Detail);

/// <summary>An override that is in force, or was. One that was taken back says by whom and why; one that ran out says when.</summary>
public sealed record BudgetOverrideView(
    Guid OverrideId, decimal Amount, string Reason, DateTimeOffset MadeAt, string MadeByName, DateTimeOffset ExpiresAt, bool InForce, Guid? EscalationId,
    DateTimeOffset? EndedAt, string? EndedByName, string? EndReason);

/// <summary>A budget with where it is heading and all that was done to it. No forecast: too little has been seen.</summary>
public sealed record BudgetDetail(BudgetView Budget, BudgetForecast? Forecast, IReadOnlyList<BudgetOverrideView> Overrides, IReadOnlyList<BudgetChangeView> History);

/// <summary>Reads budgets.</summary>
public sealed class BudgetQueries(NpgsqlDataSource database, BudgetOutlooks outlooks)
{
    private const int MostLines = 200;

    private const string Select =
        """
        select b.id, b.scope, b.scope_id, budget_scope_name(b.scope, b.scope_id), b.period, b.soft_limit, b.hard_limit, b.currency, budget_limit(b.id),
            coalesce(p.spent, 0), coalesce(p.reserved, 0), coalesce(p.cost_events, 0), coalesce(p.unknown_events, 0),
            x.opened_at, x.escalation_id, budget_period_start(b.period, clock_timestamp()), budget_period_end(b.period, clock_timestamp()), b.created_at, b.updated_at
        from budgets b
        left join budget_periods p on p.budget_id = b.id and p.period_start = budget_period_start(b.period, clock_timestamp())
        left join budget_breaches x on x.budget_id = b.id and x.period_start = budget_period_start(b.period, clock_timestamp()) and x.closed_at is null
        """;

    /// <summary>Every budget that is set, the newest first.</summary>
    public async Task<Page<BudgetView>> ListAsync(PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command).AddPlace("b.created_at", "b.id", "<", page.AfterPlace).Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = $"{Select} where b.deleted_at is null and {where} order by b.created_at desc, b.id desc limit @limit";
        return page.PageOf(await ReadAsync(command, cancellationToken), b => new PlaceInTime(b.CreatedAt, b.BudgetId));
    }

    /// <summary>One budget with its overrides and its history, the newest first.</summary>
    public async Task<BudgetDetail?> FindAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await FindAsync(connection, id, cancellationToken) is { } budget
            ? new BudgetDetail(
                budget, (await outlooks.OfAsync([budget], cancellationToken))[0].Forecast, await OverridesAsync(connection, id, cancellationToken), await HistoryAsync(connection, id, cancellationToken))
            : null;
    }

    /// <summary>A budget as the transaction on a connection sees it.</summary>
    /// <exception cref="NotFoundException">There is no such budget, or it was deleted.</exception>
    internal static async Task<BudgetView> RequireAsync(NpgsqlConnection connection, Guid id, CancellationToken cancellationToken) =>
        await FindAsync(connection, id, cancellationToken) ?? throw new NotFoundException("budget", id.ToString());

    private static async Task<BudgetView?> FindAsync(NpgsqlConnection connection, Guid id, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"{Select} where b.id = @id and b.deleted_at is null", connection);
        command.Parameters.AddWithValue("id", id);
        return (await ReadAsync(command, cancellationToken)).FirstOrDefault();
    }

    private static async Task<List<BudgetOverrideView>> OverridesAsync(NpgsqlConnection connection, Guid id, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select o.id, o.amount, o.reason, o.made_at, a.name, o.expires_at, o.ended_at is null and o.expires_at > clock_timestamp(), o.escalation_id,
                o.ended_at, e.name, o.end_reason
            from budget_overrides o join actors a on a.id = o.made_by left join actors e on e.id = o.ended_by where o.budget_id = @id order by o.made_at desc limit @limit
            """,
            connection);
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("limit", MostLines);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var overrides = new List<BudgetOverrideView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            overrides.Add(new BudgetOverrideView(
                reader.GetGuid(0), reader.GetDecimal(1), reader.GetString(2), reader.GetFieldValue<DateTimeOffset>(3), reader.GetString(4),
                reader.GetFieldValue<DateTimeOffset>(5), reader.GetBoolean(6), reader.ValueOrNull<Guid>(7),
                reader.ValueOrNull<DateTimeOffset>(8), reader.TextOrNull(9), reader.TextOrNull(10)));
        }

        return overrides;
    }

    private static async Task<List<BudgetChangeView>> HistoryAsync(NpgsqlConnection connection, Guid id, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select c.id, c.at, c.actor_id, a.name, c.change, c.detail
            from budget_changes c join actors a on a.id = c.actor_id where c.budget_id = @id order by c.at desc, c.id desc limit @limit
            """,
            connection);
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("limit", MostLines);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var changes = new List<BudgetChangeView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            changes.Add(new BudgetChangeView(
                reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1), reader.GetGuid(2), reader.GetString(3), reader.GetString(4), reader.JsonOrNull(5)));
        }

        return changes;
    }

    private static async Task<List<BudgetView>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var budgets = new List<BudgetView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var scope = WireNames<BudgetScope>.Parse(reader.GetString(1));
            var (limit, spent, reserved) = (reader.GetDecimal(8), reader.GetDecimal(9), reader.GetDecimal(10));
            var soft = reader.ValueOrNull<decimal>(5);
            var breachedAt = reader.ValueOrNull<DateTimeOffset>(13);
            budgets.Add(new BudgetView(
                reader.GetGuid(0), scope, scope == BudgetScope.Global ? null : reader.GetString(2), reader.TextOrNull(3),
                WireNames<BudgetPeriod>.Parse(reader.GetString(4)), soft, reader.GetDecimal(6), reader.GetString(7),
                limit, spent, reserved, limit - spent - reserved, reader.GetInt64(11), reader.GetInt64(12),
                BudgetRules.StateOf(spent, soft, limit, breachedAt is not null), breachedAt, reader.ValueOrNull<Guid>(14),
                reader.GetFieldValue<DateTimeOffset>(15), reader.ValueOrNull<DateTimeOffset>(16),
                reader.GetFieldValue<DateTimeOffset>(17), reader.GetFieldValue<DateTimeOffset>(18)));
        }

        return budgets;
    }
}
