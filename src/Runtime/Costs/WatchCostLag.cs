using System.Diagnostics.Metrics;
using System.Globalization;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Queries;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>How far enforcement is behind what is used.</summary>
/// <param name="Uses">How many uses of the last hour were looked at: the newest, at the most 1,000.</param>
/// <param name="BudgetP50Ms">From the end of a use until budgets counted it, for half of them no longer; null if there was none.</param>
/// <param name="BudgetP95Ms">The same for 95 of 100.</param>
/// <param name="SumsWaiting">Costs that are recorded and in no sum yet; at the most 100,000 are counted.</param>
/// <param name="SumsBehindMs">For how long the oldest of them has waited; 0 if there is none.</param>
public sealed record CostLag(int Uses, double? BudgetP50Ms, double? BudgetP95Ms, long SumsWaiting, double SumsBehindMs)
{
    /// <summary>In words.</summary>
    public string Detail => string.Create(
        CultureInfo.InvariantCulture,
        $"{(BudgetP95Ms is { } ms ? $"budgets count a use within {Words(ms)} (95 of 100)" : "no use in the last hour")}, sums {(SumsWaiting == 0 ? "have all costs" : $"are {Words(SumsBehindMs)} behind by {SumsWaiting:#,0}")}");

    /// <summary>A time as it is read: 38 ms, 4.2 s, 31 min.</summary>
    public static string Words(double ms) => string.Create(
        CultureInfo.InvariantCulture, $"{(ms < 1_000 ? Math.Ceiling(ms) : ms < 100_000 ? Math.Round(ms / 1_000, 1) : Math.Round(ms / 60_000)):#,0.#} {(ms < 1_000 ? "ms" : ms < 100_000 ? "s" : "min")}");
}

/// <summary>
/// Watches how long it takes from a use to its enforcement (CO-05). Budgets are charged in the transaction that records a cost, so
/// that what they lag is what the recorder lags; the sums are added to afterwards.
/// </summary>
public sealed class WatchCostLag : SupervisedService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    // now() and not the clock, which no index serves. A use that says how long it took has ended that much after it began; what was reported later than an hour is a report, not a lag.
    private const string Sql =
        $"""
        select count(*)::int, percentile_cont(0.5) within group (order by ms), percentile_cont(0.95) within group (order by ms)
        from (
            select greatest(0, extract(epoch from e.recorded_at - e.at) * 1000 - coalesce(e.latency_ms, 0))::float8 as ms from cost_events e
            where e.at > now() - interval '1 hour' and e.at <= now() and {CostFacts.IsUse} order by e.at desc limit 1000
        ) newest;
        select (select count(*) from (select from cost_rollup_queue limit 100000) w),
            coalesce(max(extract(epoch from clock_timestamp() - e.recorded_at) * 1000), 0)::float8
        from (select event_id, at from cost_rollup_queue limit 1000) q, lateral (select recorded_at from cost_events e where e.at = q.at and e.event_id = q.event_id offset 0) e
        """;

    private readonly NpgsqlDataSource _database;
    private readonly Meter _meter = new("ControlCenter.Runtime");
    private volatile CostLag? _seen;

    /// <summary>Makes the instruments.</summary>
    public WatchCostLag(NpgsqlDataSource database, TimeProvider time, ILogger<WatchCostLag> logger)
        : base("cost-lag", time, logger)
    {
        _database = database;
        _meter.CreateObservableGauge("cc.cost.budget_lag", Budgets, "s", "From the end of a use until budgets counted it, of the newest uses of the last hour");
        _meter.CreateObservableGauge("cc.cost.sums_lag", () => Seen(l => l.SumsBehindMs / 1000), "s", "For how long the oldest recorded cost has waited to be in the sums");
        _meter.CreateObservableGauge("cc.cost.sums_waiting", () => Seen(l => l.SumsWaiting), null, "Recorded costs that are in no sum yet");
    }

    /// <summary>How it stands now.</summary>
    public async Task<CostLag> MeasureAsync(CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand(Sql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var (uses, half, most) = (reader.GetInt32(0), reader.ValueOrNull<double>(1), reader.ValueOrNull<double>(2));
        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new CostLag(uses, half, most, reader.GetInt64(0), reader.GetDouble(1));
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            var lag = await MeasureAsync(stoppingToken);
            _seen = lag;
            Beat(lag.Detail);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private IEnumerable<Measurement<double>> Budgets() =>
        _seen is { BudgetP50Ms: { } half, BudgetP95Ms: { } most }
            ? [new(half / 1000, new KeyValuePair<string, object?>("quantile", "0.5")), new(most / 1000, new KeyValuePair<string, object?>("quantile", "0.95"))]
            : [];

    private IEnumerable<Measurement<double>> Seen(Func<CostLag, double> of) => _seen is { } lag ? [new(of(lag))] : [];
}
