using System.Globalization;
using System.Text;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>Which rollups are asked for.</summary>
/// <param name="By">By what.</param>
/// <param name="Grain">In what periods.</param>
/// <param name="From">The first period is the one that this is in; 30 days ago unless said.</param>
/// <param name="To">Periods that begin before this; now unless said.</param>
/// <param name="Key">Only this one.</param>
/// <param name="Limit">1 to <see cref="RollupQueries.MostItems"/>.</param>
/// <param name="Cursor">What an earlier page gave.</param>
public sealed record RollupRequest(
    RollupDimension By, RollupGrain Grain, DateTimeOffset? From = null, DateTimeOffset? To = null, string? Key = null, int Limit = RollupQueries.DefaultItems, string? Cursor = null);

/// <summary>Costs in one currency.</summary>
public sealed record CurrencyCosts(string Currency, decimal? EstimatedCost, decimal? BilledCost, decimal Cost);

/// <summary>A sum (bus-api.md, <c>GET /costs/rollups</c>).</summary>
/// <param name="Key">Which of them; <c>unattributed</c> for what could not be attributed.</param>
/// <param name="Period">When its period begins.</param>
/// <param name="EstimatedCost">In <paramref name="Currency"/>; null if not known, or if there are several currencies.</param>
/// <param name="BilledCost">The same of the bills.</param>
/// <param name="UsageUnitsIn">What went in; null if nothing is known of it.</param>
/// <param name="UsageUnitsOut">What came out.</param>
/// <param name="Requests">Uses.</param>
/// <param name="Failures">Uses that failed.</param>
/// <param name="Retries">Attempts after the first.</param>
/// <param name="P95LatencyMs">The 95th percentile, within 3 %.</param>
/// <param name="UnknownCostEvents">Uses of which nobody knows what they cost.</param>
/// <param name="Currency">The currency, if there is just one.</param>
/// <param name="Cost">The bill where there is one, else the estimate.</param>
/// <param name="ByCurrency">As it was charged.</param>
public sealed record RollupItem(
    string Key, DateTimeOffset Period, decimal? EstimatedCost, decimal? BilledCost, decimal? UsageUnitsIn, decimal? UsageUnitsOut, long Requests, long Failures, long Retries,
    int? P95LatencyMs, long UnknownCostEvents, string? Currency, decimal? Cost, IReadOnlyList<CurrencyCosts> ByCurrency);

/// <summary>A page of sums.</summary>
/// <param name="Items">By period, then by key.</param>
/// <param name="NextCursor">Where the next page begins; null on the last.</param>
/// <param name="Complete">Whether all that had been recorded is in them; false while a rebuild holds them or the host is behind.</param>
public sealed record RollupPage(IReadOnlyList<RollupItem> Items, string? NextCursor, bool Complete);

/// <summary>Reads the sums.</summary>
public sealed class RollupQueries(NpgsqlDataSource database, RollUpCosts rollups, TimeProvider time)
{
    /// <summary>The longest page.</summary>
    public const int MostItems = 10_000;

    /// <summary>What is meant when nothing is said: more than in other lists, since a chart is no list.</summary>
    public const int DefaultItems = 1_000;

    /// <summary>How the key of what could not be attributed is written.</summary>
    public const string Unattributed = "unattributed";

    private static readonly TimeSpan DefaultSpan = TimeSpan.FromDays(30);

    // A reader sees its own writes as a rule; behind a long line it is told that it does not, and does not wait for it.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    /// <summary>A page of them.</summary>
    public async Task<RollupPage> ListAsync(RollupRequest request, CancellationToken cancellationToken)
    {
        var complete = await rollups.CatchUpAsync(Patience, cancellationToken);
        var to = request.To ?? time.GetUtcNow().AddTicks(1);
        var from = request.Grain.StartOf(request.From ?? to - DefaultSpan);
        if (to <= from)
        {
            throw new ValidationException("to", "It must be later than from.");
        }

        await using var command = database.CreateCommand();
        var where = new SqlFilter(command)
            .Add("dimension = @dimension", "dimension", request.By.Wire())
            .Add("grain = @grain", "grain", request.Grain.Wire())
            .Add("period >= @from", "from", (object)from.UtcDateTime)
            .Add("period < @to", "to", (object)to.UtcDateTime)
            .Add("key = @key", "key", request.Key == Unattributed ? "" : request.Key);
        if (request.Cursor is not null)
        {
            var (period, key) = PlaceIn(request.Cursor);
            where.Add("(period, key) > (@after_period, @after_key)", "after_period", (object)period.UtcDateTime);
            command.Parameters.AddWithValue("after_key", key);
        }

        command.CommandText = string.Create(
            CultureInfo.InvariantCulture,
            $"""
            select period, key, usage_units_in, usage_units_out, requests, failures, retries, p95_latency_ms, unknown_cost_events, currencies, estimated_costs, billed_costs, costs
            from cost_rollups where {where.Where} order by period, key limit {request.Limit + 1}
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var items = new List<RollupItem>();
        while (await reader.ReadAsync(cancellationToken))
        {
            items.Add(Read(reader));
        }

        return items.Count <= request.Limit
            ? new RollupPage(items, null, complete)
            : new RollupPage(items[..request.Limit], CursorOf(items[request.Limit - 1]), complete);
    }

    private static RollupItem Read(NpgsqlDataReader reader)
    {
        var costs = RollupRows.ReadCosts(reader, 9);
        var only = costs.Length == 1 ? costs[0] : (CostSum?)null;
        return new RollupItem(
            reader.GetString(1) is { Length: > 0 } key ? key : Unattributed, reader.GetFieldValue<DateTimeOffset>(0), Plain(only?.Estimated), Plain(only?.Billed),
            Plain(reader.ValueOrNull<decimal>(2)), Plain(reader.ValueOrNull<decimal>(3)), reader.GetInt64(4), reader.GetInt64(5), reader.GetInt64(6), reader.ValueOrNull<int>(7), reader.GetInt64(8),
            only?.Currency, Plain(only?.Cost), Array.ConvertAll(costs, c => new CurrencyCosts(c.Currency, Plain(c.Estimated), Plain(c.Billed), Money.Plain(c.Cost))));
    }

    private static decimal? Plain(decimal? amount) => amount is { } known ? Money.Plain(known) : null;

    private static string CursorOf(RollupItem last) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"{last.Period.UtcTicks}:{(last.Key == Unattributed ? "" : last.Key)}")));

    private static (DateTimeOffset Period, string Key) PlaceIn(string cursor)
    {
        if (System.Buffers.Text.Base64Url.IsValid(cursor)
            && Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(cursor)) is var text && text.IndexOf(':', StringComparison.Ordinal) is var colon and > 0
            && long.TryParse(text.AsSpan(0, colon), NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks <= DateTime.MaxValue.Ticks
            && TextRules.Storable(text) is null)
        {
            return (new DateTimeOffset(ticks, TimeSpan.Zero), text[(colon + 1)..]);
        }

        throw new ValidationException("cursor", "This is not a cursor that a page of this list gave as its next_cursor.");
    }
}
