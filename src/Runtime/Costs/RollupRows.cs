using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Costs;

/// <summary>Rollups as rows. Only who holds <see cref="Lock"/> writes any, so that what was read is still so when it is written.</summary>
internal static class RollupRows
{
    /// <summary>The advisory lock of whoever writes rollups, on every host.</summary>
    public const long Lock = 0x43435F524F4C4C; // "CC_ROLL"

    private const string Columns =
        """
        dimension, grain, period, key, requests, failures, retries, unknown_cost_events, usage_units_in, usage_units_out,
        currencies, estimated_costs, billed_costs, costs, latencies, max_latency_ms, p95_latency_ms
        """;

    private const string Merge =
        $"""
        insert into cost_rollups ({Columns})
        select r.dimension, r.grain, r.period, r.key, r.requests, r.failures, r.retries, r.unknown, r.units_in, r.units_out,
               r.currencies::text[], r.estimated::numeric[], r.billed::numeric[], r.costs::numeric[], r.latencies::int[], r.longest, r.p95
        from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) as r
            (dimension, grain, period, key, requests, failures, retries, unknown, units_in, units_out, currencies, estimated, billed, costs, latencies, longest, p95)
        on conflict (dimension, grain, period, key) do update set
            requests = excluded.requests, failures = excluded.failures, retries = excluded.retries, unknown_cost_events = excluded.unknown_cost_events,
            usage_units_in = excluded.usage_units_in, usage_units_out = excluded.usage_units_out,
            currencies = excluded.currencies, estimated_costs = excluded.estimated_costs, billed_costs = excluded.billed_costs, costs = excluded.costs,
            latencies = excluded.latencies, max_latency_ms = excluded.max_latency_ms, p95_latency_ms = excluded.p95_latency_ms
        """;

    /// <summary>Adds sums to those that are there.</summary>
    public static async Task AddAsync(NpgsqlConnection connection, RollupTallies tallies, CancellationToken cancellationToken)
    {
        var rows = tallies.All.ToArray();
        await AddPresentAsync(connection, tallies, rows, cancellationToken);
        await using var merge = new NpgsqlCommand(Merge, connection);
        AddKeysTo(merge.Parameters, rows);
        Add(NpgsqlDbType.Bigint, t => t.Requests);
        Add(NpgsqlDbType.Bigint, t => t.Failures);
        Add(NpgsqlDbType.Bigint, t => t.Retries);
        Add(NpgsqlDbType.Bigint, t => t.Unknown);
        Add(NpgsqlDbType.Numeric, t => t.UnitsIn);
        Add(NpgsqlDbType.Numeric, t => t.UnitsOut);
        Add(NpgsqlDbType.Text, t => Literal(t, c => c.Currency));
        Add(NpgsqlDbType.Text, t => Literal(t, c => Number(c.Estimated)));
        Add(NpgsqlDbType.Text, t => Literal(t, c => Number(c.Billed)));
        Add(NpgsqlDbType.Text, t => Literal(t, c => Number(c.Cost)));
        Add(NpgsqlDbType.Text, t => $"{{{string.Join(',', t.Latencies.ToArray())}}}");
        Add(NpgsqlDbType.Integer, t => t.Latencies.Longest);
        Add(NpgsqlDbType.Integer, t => t.Latencies.Percentile(0.95));
        await merge.ExecuteNonQueryAsync(cancellationToken);

        void Add<T>(NpgsqlDbType type, Func<RollupTally, T> column) =>
            merge.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | type, Value = Array.ConvertAll(rows, r => column(r.Value)) });
    }

    /// <summary>Copies sums into a table that has none of them yet.</summary>
    public static async Task CopyAsync(
        NpgsqlConnection connection, string table, IEnumerable<KeyValuePair<RollupKey, RollupTally>> rows, CancellationToken cancellationToken)
    {
        await using var copy = await connection.BeginBinaryImportAsync($"copy {table} ({Columns}) from stdin (format binary)", cancellationToken);
        foreach (var (key, tally) in rows)
        {
            await copy.StartRowAsync(cancellationToken);
            await copy.WriteAsync(key.Dimension.Wire(), NpgsqlDbType.Text, cancellationToken);
            await copy.WriteAsync(key.Grain.Wire(), NpgsqlDbType.Text, cancellationToken);
            await copy.WriteAsync(key.Period, NpgsqlDbType.TimestampTz, cancellationToken);
            await copy.WriteAsync(key.Key, NpgsqlDbType.Text, cancellationToken);
            await copy.WriteAsync(tally.Requests, NpgsqlDbType.Bigint, cancellationToken);
            await copy.WriteAsync(tally.Failures, NpgsqlDbType.Bigint, cancellationToken);
            await copy.WriteAsync(tally.Retries, NpgsqlDbType.Bigint, cancellationToken);
            await copy.WriteAsync(tally.Unknown, NpgsqlDbType.Bigint, cancellationToken);
            await copy.WriteAsync(tally.UnitsIn, NpgsqlDbType.Numeric, cancellationToken);
            await copy.WriteAsync(tally.UnitsOut, NpgsqlDbType.Numeric, cancellationToken);
            await copy.WriteAsync(tally.Costs.Select(c => c.Currency).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text, cancellationToken);
            await copy.WriteAsync(tally.Costs.Select(c => c.Estimated).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Numeric, cancellationToken);
            await copy.WriteAsync(tally.Costs.Select(c => c.Billed).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Numeric, cancellationToken);
            await copy.WriteAsync(tally.Costs.Select(c => c.Cost).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Numeric, cancellationToken);
            await copy.WriteAsync(tally.Latencies.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Integer, cancellationToken);
            await copy.WriteAsync(tally.Latencies.Longest, NpgsqlDbType.Integer, cancellationToken);
            await copy.WriteAsync(tally.Latencies.Percentile(0.95), NpgsqlDbType.Integer, cancellationToken);
        }

        await copy.CompleteAsync(cancellationToken);
    }

    private static async Task AddPresentAsync(
        NpgsqlConnection connection, RollupTallies tallies, KeyValuePair<RollupKey, RollupTally>[] rows, CancellationToken cancellationToken)
    {
        // Each by its key: the planner must not take a few thousand keys for a reason to read the whole table.
        await using var find = new NpgsqlCommand(
            $"""
            select r.* from unnest($1, $2, $3, $4) as k (dimension, grain, period, key),
            lateral (select {Columns} from cost_rollups c where c.dimension = k.dimension and c.grain = k.grain and c.period = k.period and c.key = k.key offset 0) r
            """,
            connection);
        AddKeysTo(find.Parameters, rows);
        await using var reader = await find.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var key = new RollupKey(
                WireNames<RollupDimension>.Parse(reader.GetString(0)), WireNames<RollupGrain>.Parse(reader.GetString(1)), reader.GetFieldValue<DateTimeOffset>(2), reader.GetString(3));
            tallies.All[key].Add(ReadTally(reader));
        }
    }

    private static RollupTally ReadTally(NpgsqlDataReader reader)
    {
        var tally = new RollupTally
        {
            Requests = reader.GetInt64(4),
            Failures = reader.GetInt64(5),
            Retries = reader.GetInt64(6),
            Unknown = reader.GetInt64(7),
            UnitsIn = reader.ValueOrNull<decimal>(8),
            UnitsOut = reader.ValueOrNull<decimal>(9),
            Latencies = LatencyHistogram.Of(reader.GetFieldValue<int[]>(14), reader.ValueOrNull<int>(15)),
        };
        foreach (var costs in ReadCosts(reader, 10))
        {
            tally.Add(costs);
        }

        return tally;
    }

    /// <summary>Reads the costs from the four columns that begin at <paramref name="column"/>.</summary>
    public static CostSum[] ReadCosts(NpgsqlDataReader reader, int column)
    {
        var currencies = reader.GetFieldValue<string[]>(column);
        var estimated = reader.GetFieldValue<decimal?[]>(column + 1);
        var billed = reader.GetFieldValue<decimal?[]>(column + 2);
        var costs = reader.GetFieldValue<decimal[]>(column + 3);
        return [.. currencies.Select((currency, i) => new CostSum(currency, estimated[i], billed[i], costs[i]))];
    }

    private static void AddKeysTo(NpgsqlParameterCollection parameters, KeyValuePair<RollupKey, RollupTally>[] rows)
    {
        Add(NpgsqlDbType.Text, k => k.Dimension.Wire());
        Add(NpgsqlDbType.Text, k => k.Grain.Wire());
        Add(NpgsqlDbType.TimestampTz, k => k.Period.UtcDateTime);
        Add(NpgsqlDbType.Text, k => k.Key);

        void Add<T>(NpgsqlDbType type, Func<RollupKey, T> column) =>
            parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | type, Value = Array.ConvertAll(rows, r => column(r.Key)) });
    }

    private static string Literal(RollupTally tally, Func<CostSum, string> of) => $"{{{string.Join(',', tally.Costs.Select(of))}}}";

    private static string Number(decimal? amount) => amount?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "null";
}
