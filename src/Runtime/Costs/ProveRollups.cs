using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>Whether the rollups are the sums of the events.</summary>
/// <param name="Events">How many events were summed.</param>
/// <param name="Differences">How many sums were not as they must be.</param>
/// <param name="Detail">In words.</param>
public sealed record RollupProof(long Events, long Differences, string Detail);

/// <summary>
/// Proves every night that the rollups are the sums of the events (CO-04): months against the events, by SQL that shares
/// nothing with the code that adds them up, and hours, days and weeks against the months. A difference is an alert.
/// </summary>
public sealed class ProveRollups(NpgsqlDataSource database, Transactions transactions, TimeProvider time, ILogger<ProveRollups> logger)
    : SupervisedService("cost-proof", time, logger)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromHours(1);

    private const string Amounts =
        """
        jsonb_object_agg(currency, jsonb_build_array(trim_scale(estimated), trim_scale(billed), trim_scale(cost))) filter (where currency is not null)
        """;

    /// <inheritdoc />
    public override TimeSpan SilentAfter => LookEvery * 2;

    /// <summary>Proves it now, and keeps what was found.</summary>
    public async Task<RollupProof> ExecuteAsync(Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageCosts);
        return await ProveAsync(caller, cancellationToken);
    }

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, Time);
        do
        {
            if (await IsDueAsync(stoppingToken))
            {
                await ProveAsync(Caller.Host, stoppingToken);
            }

            Beat("the last proof is less than a day old");
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    // By night in UTC, when fewer wait for the database; after a missed night at the next look.
    private async Task<bool> IsDueAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select coalesce(max(at) < date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' + interval '2 hours', true)
                and extract(hour from now() at time zone 'UTC') >= 2 and exists (select from cost_event_ids)
            from cost_rollup_proofs
            """);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<RollupProof> ProveAsync(Caller caller, CancellationToken cancellationToken)
    {
        var began = Time.GetTimestamp();
        var proof = await CompareAsync(cancellationToken);
        var milliseconds = (int)Time.GetElapsedTime(began).TotalMilliseconds;
        return await transactions.RunAsync(caller, async (unit, ct) =>
        {
            var id = Uuid7.New(Time);
            await unit.ExecuteAsync(
                "insert into cost_rollup_proofs (id, events, differences, detail, duration_ms) values (@id, @events, @differences, @detail, @ms)", ct,
                ("id", id), ("events", proof.Events), ("differences", proof.Differences), ("detail", proof.Detail), ("ms", milliseconds));
            unit.Record(proof.Differences == 0 ? "cost.rollups_proven" : "cost.rollups_differ", ("cost_rollup_proof", id.ToString()), proof);
            if (proof.Differences > 0)
            {
                unit.Record(
                    "alert.raised", ("cost_rollups", ""),
                    new { Severity = "critical", Title = "The sums of costs are not the sums of the cost events", proof.Detail, Remedy = "POST /costs/rebuild makes them anew from the events." });
            }

            return proof;
        }, cancellationToken);
    }

    // One snapshot, in which what is still in line is not in the rollups yet.
    private async Task<RollupProof> CompareAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
        var found = new List<string>();
        var differences = 0L;
        foreach (var dimension in Enum.GetValues<RollupDimension>())
        {
            await NoteAsync(
                $"{dimension.Wire()} by month against the events",
                $"""
                with summed as (
                    select date_trunc('month', e.at at time zone 'UTC') at time zone 'UTC' as period, coalesce({CostFacts.KeyColumns[(int)dimension]}, '') collate "C" as key,
                           case when coalesce(e.billed_cost, e.estimated_cost) is not null then e.currency end as currency,
                           sum({CostFacts.IsUse}::int) as requests, sum({CostFacts.HasFailed}::int) as failures, sum(e.retries) as retries, sum({CostFacts.UnknownDelta}) as unknown,
                           sum(e.usage_units_in) as units_in, sum(e.usage_units_out) as units_out,
                           sum(e.estimated_cost) as estimated, sum(e.billed_cost) as billed, sum(coalesce(e.billed_cost, e.estimated_cost)) as cost
                    from cost_events e where not exists (select from cost_rollup_queue q where q.event_id = e.event_id)
                    group by 1, 2, 3
                ), expected as (
                    select period, key, sum(requests) as requests, sum(failures) as failures, sum(retries) as retries, sum(unknown) as unknown,
                           trim_scale(sum(units_in)) as units_in, trim_scale(sum(units_out)) as units_out, {Amounts} as amounts
                    from summed group by 1, 2
                ), kept as ({Kept("period")} where dimension = '{dimension.Wire()}' and grain = 'month')
                {Differing}
                """);
        }

        foreach (var grain in new[] { RollupGrain.Hour, RollupGrain.Day, RollupGrain.Week })
        {
            // A week may be in two months: weeks are compared over all time.
            var period = grain == RollupGrain.Week ? "'epoch'::timestamptz" : "date_trunc('month', period at time zone 'UTC') at time zone 'UTC'";
            var of = grain == RollupGrain.Week ? "'epoch'::timestamptz" : "period";
            await NoteAsync($"{grain.Wire()}s against months", $"with expected as ({Summed(of, "month")}), kept as ({Summed(period, grain.Wire())}) {Differing}");
        }

        await using var count = new NpgsqlCommand("select count(*) - (select count(*) from cost_rollup_queue) from cost_events", connection) { CommandTimeout = 0 };
        var events = (long)(await count.ExecuteScalarAsync(cancellationToken))!;
        return new RollupProof(events, differences, found.Count == 0 ? "Every sum is that of its events." : string.Join("; ", found));

        async Task NoteAsync(string what, string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
            var differing = (long)(await command.ExecuteScalarAsync(cancellationToken))!;
            differences += differing;
            if (differing > 0)
            {
                found.Add(string.Create(CultureInfo.InvariantCulture, $"{what}: {differing} differ"));
            }
        }
    }

    private const string Differing =
        """
        select count(*) from expected x full join kept k using (period, key)
        where (x.requests, x.failures, x.retries, x.unknown, x.units_in, x.units_out, x.amounts)
            is distinct from (k.requests, k.failures, k.retries, k.unknown, k.units_in, k.units_out, k.amounts)
        """;

    private static string Kept(string period) =>
        $"""
        select {period} as period, key, requests::numeric, failures::numeric, retries::numeric, unknown_cost_events::numeric as unknown,
               trim_scale(usage_units_in) as units_in, trim_scale(usage_units_out) as units_out,
               (select {Amounts} from unnest(currencies, estimated_costs, billed_costs, costs) as a (currency, estimated, billed, cost)) as amounts
        from cost_rollups
        """;

    private static string Summed(string period, string grain) =>
        $"""
        select {period} as period, dimension || ':' || key as key, sum(requests) as requests, sum(failures) as failures, sum(retries) as retries, sum(unknown_cost_events) as unknown,
               trim_scale(sum(usage_units_in)) as units_in, trim_scale(sum(usage_units_out)) as units_out,
               trim_scale(sum((select sum(c * (hashtext(currency) % 9973)) from unnest(currencies, costs) as a (currency, c)))) as amounts
        from cost_rollups where grain = '{grain}' group by 1, 2
        """;
}
