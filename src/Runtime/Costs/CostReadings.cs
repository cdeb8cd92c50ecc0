using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>Over which time costs are looked at, and in what currency.</summary>
/// <param name="From">From when; a period that it falls into counts whole.</param>
/// <param name="To">Until when.</param>
/// <param name="Grain">From which rollups.</param>
/// <param name="Step">How much time one point of a chart stands for; at least a period.</param>
/// <param name="Currency">Amounts in others are not converted here: they are shown beside.</param>
public sealed record CostSpan(DateTimeOffset From, DateTimeOffset To, RollupGrain Grain, TimeSpan Step, string Currency);

/// <summary>What was spent in all.</summary>
public sealed record CostTotals(
    decimal? Cost, long Requests, long Failures, long Unknown, long Unattributed, decimal? UnattributedCost, decimal? DiscardedCost, long TicketsDone, decimal? DoneCost,
    IReadOnlyList<CurrencyCosts> ByCurrency);

/// <summary>What one of a dimension cost.</summary>
public sealed record CostShare(string Key, string Name, decimal? Cost, long Requests, long Failures, long Retries, long Unknown);

/// <summary>What was spent lately, in the currency that most was spent in; null if no cost of it is known.</summary>
public sealed record RecentCosts(decimal? Cost, string Currency, long Requests, long Unknown);

/// <summary>A point of a chart.</summary>
public readonly record struct CostPoint(DateTimeOffset At, string Key, decimal Cost, long Unknown);

/// <summary>What an agent's session spends now, an hour.</summary>
public sealed record BurnRate(Guid? AgentId, string? AgentName, string? SessionId, decimal? CostPerHour, long Requests, long Unknown, DateTimeOffset LastAt);

/// <summary>What the page of costs shows, from the rollups: its work does not grow with the number of events.</summary>
public sealed class CostReadings(NpgsqlDataSource database, RollUpCosts rollups, TimeProvider time)
{
    /// <summary>The time whose spending is taken for the rate of now: long enough for a slow call to be in it.</summary>
    public static readonly TimeSpan BurnWindow = TimeSpan.FromMinutes(15);

    private const string InCurrency = "costs[array_position(currencies, @currency)]";
    private const string OfTask = "r.costs[array_position(r.currencies, @currency)]";
    private const string OfTicket = "k.costs[array_position(k.currencies, @currency)]";

    private const string InSpan = "grain = @grain and period >= @from and period < @to";

    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);

    /// <summary>Has what was just recorded counted, as far as that takes no time. Returns whether all of it is.</summary>
    public Task<bool> CatchUpAsync(CancellationToken cancellationToken) => rollups.CatchUpAsync(Patience, cancellationToken);

    /// <summary>The currency that most was spent in lately; USD before anything was.</summary>
    public async Task<string> MainCurrencyAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select currency from cost_rollups, unnest(currencies, costs) as a (currency, cost)
            where dimension = 'environment' and grain = 'month' and period >= @since group by 1 order by sum(cost) desc limit 1
            """);
        command.Parameters.AddWithValue("since", time.GetUtcNow().AddYears(-1).UtcDateTime);
        return await command.ExecuteScalarAsync(cancellationToken) as string ?? "USD";
    }

    /// <summary>What was spent in the last 24 hours and the one under way: cheap enough to be asked with every event.</summary>
    public async Task<RecentCosts> LastDayAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            with hours as (select * from cost_rollups where dimension = 'environment' and grain = 'hour' and period > @since)
            select c.currency, c.cost, t.requests, t.unknown
            from (select coalesce(sum(requests), 0)::bigint as requests, coalesce(sum(unknown_cost_events), 0)::bigint as unknown from hours) t
            left join (select a.currency, sum(a.cost) as cost from hours, unnest(currencies, costs) as a (currency, cost) group by 1 order by 2 desc limit 1) c on true
            """);
        command.Parameters.AddWithValue("since", time.GetUtcNow().AddHours(-25).UtcDateTime);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new RecentCosts(reader.ValueOrNull<decimal>(1), reader.TextOrNull(0) ?? "USD", reader.GetInt64(2), reader.GetInt64(3));
    }

    /// <summary>What was spent in all.</summary>
    public async Task<CostTotals> TotalsAsync(CostSpan span, CancellationToken cancellationToken)
    {
        // What is unattributed is one key: it is looked up period by period, and not searched for among all tasks.
        await using var command = CommandIn(
            span,
            $"""
            with totals as (select * from cost_rollups where dimension = 'environment' and {InSpan}),
            loose as (
                select r.requests, {OfTask} as cost from unnest(@periods) p (period),
                lateral (select * from cost_rollups c where c.dimension = 'task' and c.grain = @grain and c.period = p.period and c.key = '' offset 0) r
            ), discarded as (select id::text collate "C" as key from tasks where state in ('failed', 'cancelled'))
            select (select sum({InCurrency}) from totals), (select coalesce(sum(requests), 0)::bigint from totals), (select coalesce(sum(failures), 0)::bigint from totals),
                   (select coalesce(sum(unknown_cost_events), 0)::bigint from totals), (select coalesce(sum(requests), 0)::bigint from loose), (select sum(cost) from loose),
                   (select sum({OfTask}) from cost_rollups r join discarded using (key)
                    where r.dimension = 'task' and r.grain = @grain and r.period >= @from and r.period < @to),
                   (select count(*) from tickets where state = @done and updated_at >= @from and updated_at < @to),
                   (select sum({OfTicket}) from cost_rollups k join tickets x on k.key = x.id::text
                    where k.dimension = 'ticket' and k.grain = 'month' and x.state = @done and x.updated_at >= @from and x.updated_at < @to)
            """);
        command.Parameters.AddWithValue("done", TicketState.Done.Wire());
        CostTotals totals;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            totals = new CostTotals(
                reader.ValueOrNull<decimal>(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), reader.ValueOrNull<decimal>(5),
                reader.ValueOrNull<decimal>(6), reader.GetInt64(7), reader.ValueOrNull<decimal>(8), []);
        }

        return totals with { ByCurrency = await ByCurrencyAsync(span, cancellationToken) };
    }

    /// <summary>The keys of a dimension that cost most.</summary>
    public async Task<IReadOnlyList<CostShare>> BreakdownAsync(CostSpan span, RollupDimension by, int most, CancellationToken cancellationToken)
    {
        // A quarter has hundreds of thousands of activities. Their sums are kept in memory while they are added up: on disk that takes twice as long.
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var roomy = new NpgsqlCommand("set local work_mem = '64MB'", connection);
        await roomy.ExecuteNonQueryAsync(cancellationToken);
        await using var command = CommandIn(
            span,
            $"""
            select key, sum({InCurrency}) as cost, sum(requests)::bigint, sum(failures)::bigint, sum(retries)::bigint, sum(unknown_cost_events)::bigint
            from cost_rollups where dimension = @dimension and {InSpan} group by key order by cost desc nulls last, sum(requests) desc limit @most
            """,
            connection);
        command.Parameters.AddWithValue("dimension", by.Wire());
        command.Parameters.AddWithValue("most", most);
        var rows = new List<CostShare>();
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                rows.Add(new CostShare(reader.GetString(0), "", reader.ValueOrNull<decimal>(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetInt64(5)));
            }
        }

        await transaction.CommitAsync(cancellationToken);
        var names = await NamesAsync(by, [.. rows.Select(r => r.Key)], cancellationToken);
        return rows.ConvertAll(r => r with { Name = r.Key.Length == 0 ? RollupQueries.Unattributed : names.GetValueOrDefault(r.Key, r.Key) });
    }

    /// <summary>The trend of some keys of a dimension, or of everything: few points, whatever the span.</summary>
    public async Task<IReadOnlyList<CostPoint>> TrendAsync(CostSpan span, RollupDimension by, IReadOnlyList<string>? keys, CancellationToken cancellationToken)
    {
        // Keys are looked up one by one: among all that were active in a quarter a search for five takes as long as reading all.
        await using var command = CommandIn(
            span,
            keys is null
                ? $"""
                select date_bin(@step, period, @from) as at, '' as key, coalesce(sum({InCurrency}), 0), sum(unknown_cost_events)::bigint
                from cost_rollups where dimension = @dimension and {InSpan} group by 1 order by 1
                """
                : $"""
                select date_bin(@step, p.period, @from) as at, k.key, coalesce(sum({InCurrency}), 0), sum(unknown_cost_events)::bigint
                from unnest(@periods) p (period) cross join unnest(@keys) k (key),
                lateral (select * from cost_rollups c where c.dimension = @dimension and c.grain = @grain and c.period = p.period and c.key = k.key offset 0) r
                group by 1, 2 order by 1
                """);
        command.Parameters.AddWithValue("step", span.Step);
        command.Parameters.AddWithValue("dimension", (keys is null ? RollupDimension.Environment : by).Wire());
        if (keys is not null)
        {
            command.Parameters.AddWithValue("keys", keys.ToArray());
        }

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var points = new List<CostPoint>();
        while (await reader.ReadAsync(cancellationToken))
        {
            points.Add(new CostPoint(reader.GetFieldValue<DateTimeOffset>(0), reader.GetString(1), reader.GetDecimal(2), reader.GetInt64(3)));
        }

        return points;
    }

    /// <summary>Who spends how fast, by the last minutes.</summary>
    public async Task<IReadOnlyList<BurnRate>> BurnRatesAsync(string currency, int most, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select e.agent_id, min(a.name), e.session_id, sum(coalesce(e.billed_cost, e.estimated_cost)) filter (where e.currency = @currency) * @per_hour,
                   count(*) filter (where e.corrects is null and e.invoice_id is null), count(*) filter (where e.knowledge = 'unknown'), max(e.at)
            from cost_events e left join agents a on a.id = e.agent_id
            where e.at > @since and e.invoice_id is null group by e.agent_id, e.session_id order by 4 desc nulls last, 5 desc limit @most
            """);
        command.Parameters.AddWithValue("currency", currency);
        command.Parameters.AddWithValue("per_hour", (decimal)(TimeSpan.FromHours(1) / BurnWindow));
        command.Parameters.AddWithValue("since", (time.GetUtcNow() - BurnWindow).UtcDateTime);
        command.Parameters.AddWithValue("most", most);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rates = new List<BurnRate>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rates.Add(new BurnRate(
                reader.ValueOrNull<Guid>(0), reader.TextOrNull(1), reader.TextOrNull(2), reader.ValueOrNull<decimal>(3), reader.GetInt64(4), reader.GetInt64(5),
                reader.GetFieldValue<DateTimeOffset>(6)));
        }

        return rates;
    }

    /// <summary>What people call the keys of a dimension, where that is something else.</summary>
    public async Task<IReadOnlyDictionary<string, string>> NamesAsync(RollupDimension by, IReadOnlyList<string> keys, CancellationToken cancellationToken)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        var sql = by switch
        {
            RollupDimension.Agent => "select id::text, name from agents where id = any(@ids)",
            RollupDimension.Task => "select id::text, title from tasks where id = any(@ids)",
            RollupDimension.Ticket => "select id::text, 'T-' || number || ' ' || title from tickets where id = any(@ids)",
            _ => null,
        };
        if (sql is null)
        {
            return names;
        }

        await using var command = database.CreateCommand(sql);
        command.Parameters.AddWithValue("ids", keys.Select(k => Guid.TryParse(k, out var id) ? id : Guid.Empty).ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            names[reader.GetString(0)] = reader.GetString(1);
        }

        return names;
    }

    private async Task<IReadOnlyList<CurrencyCosts>> ByCurrencyAsync(CostSpan span, CancellationToken cancellationToken)
    {
        await using var command = CommandIn(
            span,
            $"""
            select a.currency, sum(a.estimated), sum(a.billed), sum(a.cost)
            from cost_rollups, unnest(currencies, estimated_costs, billed_costs, costs) as a (currency, estimated, billed, cost)
            where dimension = 'environment' and {InSpan} group by 1 order by 4 desc
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var sums = new List<CurrencyCosts>();
        while (await reader.ReadAsync(cancellationToken))
        {
            sums.Add(new CurrencyCosts(reader.GetString(0), reader.ValueOrNull<decimal>(1), reader.ValueOrNull<decimal>(2), reader.GetDecimal(3)));
        }

        return sums;
    }

    private NpgsqlCommand CommandIn(CostSpan span, string sql, NpgsqlConnection? connection = null)
    {
        var command = connection is null ? database.CreateCommand(sql) : new NpgsqlCommand(sql, connection);
        if (sql.Contains("@periods", StringComparison.Ordinal))
        {
            command.Parameters.AddWithValue("periods", PeriodsOf(span));
        }

        command.Parameters.AddWithValue("grain", span.Grain.Wire());
        command.Parameters.AddWithValue("from", span.Grain.StartOf(span.From).UtcDateTime);
        command.Parameters.AddWithValue("to", span.To.UtcDateTime);
        command.Parameters.AddWithValue("currency", span.Currency);
        return command;
    }

    private static DateTime[] PeriodsOf(CostSpan span)
    {
        var periods = new List<DateTime>();
        for (var period = span.Grain.StartOf(span.From); period < span.To; period = span.Grain.Next(period))
        {
            periods.Add(period.UtcDateTime);
        }

        return [.. periods];
    }
}
