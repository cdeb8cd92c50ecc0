using ControlCenter.Domain.Governance;
using Npgsql;

namespace ControlCenter.Runtime.Governance;

/// <summary>A budget as somebody looks at it: how it stands, and where it is heading.</summary>
/// <param name="Budget">How it stands.</param>
/// <param name="Forecast">Where it is heading; null while too little has been seen.</param>
public sealed record BudgetOutlook(BudgetView Budget, BudgetForecast? Forecast);

/// <summary>Looks ahead for budgets, from what was spent in the stretches of time just behind.</summary>
public sealed class BudgetOutlooks(NpgsqlDataSource database)
{
    // What was spent longer ago than this many stretches says little about the next ones.
    private const int MostBuckets = 96;

    // Of each budget every whole stretch that has ended since it counts, also those in which nothing was spent; and the one under way.
    private const string Buckets =
        """
        select b.id, g.at, coalesce(s.spent, 0), extract(epoch from w.width)::float8, clock_timestamp(), g.at = budget_bucket(b.period, clock_timestamp())
        from budgets b
        cross join lateral (select case b.period when 'hour' then interval '1 minute' when 'day' then interval '15 minutes'
            when 'total' then interval '1 day' else interval '1 hour' end as width) w
        cross join lateral generate_series(
            greatest(budget_bucket(b.period, b.created_at) + w.width, budget_bucket(b.period, clock_timestamp()) - @most * w.width),
            budget_bucket(b.period, clock_timestamp()), w.width) g (at)
        left join budget_spending s on s.budget_id = b.id and s.bucket_start = g.at
        where b.id = any(@ids)
        order by b.id, g.at
        """;

    /// <summary>The outlook of each budget, in their order.</summary>
    public async Task<IReadOnlyList<BudgetOutlook>> OfAsync(IReadOnlyList<BudgetView> budgets, CancellationToken cancellationToken)
    {
        var seen = new Dictionary<Guid, Seen>();
        await using var command = database.CreateCommand(Buckets);
        command.Parameters.AddWithValue("ids", budgets.Select(b => b.BudgetId).ToArray());
        command.Parameters.AddWithValue("most", MostBuckets);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetGuid(0);
            if (!seen.TryGetValue(id, out var kept))
            {
                seen[id] = kept = new Seen(TimeSpan.FromSeconds(reader.GetDouble(3)), reader.GetFieldValue<DateTimeOffset>(4));
            }

            if (reader.GetBoolean(5))
            {
                kept.UnderWay = reader.GetDecimal(2);
            }
            else
            {
                kept.Ended.Add(new SpendBucket(reader.GetFieldValue<DateTimeOffset>(1), reader.GetDecimal(2)));
            }
        }

        return [.. budgets.Select(b => new BudgetOutlook(
            b, seen.TryGetValue(b.BudgetId, out var of) ? BudgetForecast.Of(of.Ended, of.Width, of.Now, b.PeriodEnd, b.Spent, b.LimitNow, of.UnderWay) : null))];
    }

    private sealed record Seen(TimeSpan Width, DateTimeOffset Now)
    {
        public List<SpendBucket> Ended { get; } = [];

        public decimal UnderWay { get; set; }
    }
}
