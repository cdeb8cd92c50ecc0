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
        request = request with { To = request.To ?? time.GetUtcNow().AddTicks(1) };
        var (page, isBehind) = await ReadAsync(request, cancellationToken);
        if (!isBehind)
        {
            return page;
        }

        var complete = await rollups.CatchUpAsync(Patience, cancellationToken);
        (page, _) = await ReadAsync(request, cancellationToken);
        return page with { Complete = complete };
    }

    // Whether anything is still in line is asked in the same round trip: as a rule nothing is, and the page is the answer.
    private async Task<(RollupPage Page, bool IsBehind)> ReadAsync(RollupRequest request, CancellationToken cancellationToken)
    {
        var to = request.To!.Value;
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
            {RollUpCosts.IsBehindStatement};
            select period, key, trim_scale(usage_units_in), trim_scale(usage_units_out), requests, failures, retries, p95_latency_ms, unknown_cost_events, cardinality(currencies),
                   currencies[1], trim_scale(estimated_costs[1]), trim_scale(billed_costs[1]), trim_scale(costs[1]),
                   case when cardinality(currencies) > 1 then currencies end, case when cardinality(currencies) > 1 then estimated_costs end,
                   case when cardinality(currencies) > 1 then billed_costs end, case when cardinality(currencies) > 1 then costs end
            from cost_rollups where {where.Where} order by period, key limit {request.Limit + 1}
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var isBehind = reader.GetBoolean(0);
        await reader.NextResultAsync(cancellationToken);
        var items = new List<RollupItem>(request.Limit + 1);
        while (await reader.ReadAsync(cancellationToken))
        {
            items.Add(Read(reader));
        }

        return (
            items.Count <= request.Limit ? new RollupPage(items, null, Complete: true) : new RollupPage(items[..request.Limit], CursorOf(items[request.Limit - 1]), Complete: true),
            isBehind);
    }

    // As a rule there is one currency, which is read as plain columns: four arrays a row are most of the work of a page.
    private static RollupItem Read(NpgsqlDataReader reader)
    {
        var only = reader.GetInt32(9) == 1 ? new CurrencyCosts(reader.GetString(10), reader.ValueOrNull<decimal>(11), reader.ValueOrNull<decimal>(12), reader.GetDecimal(13)) : null;
        IReadOnlyList<CurrencyCosts> costs = only is not null ? [only]
            : reader.IsDBNull(14) ? []
            : Array.ConvertAll(RollupRows.ReadCosts(reader, 14), c => new CurrencyCosts(c.Currency, Plain(c.Estimated), Plain(c.Billed), Money.Plain(c.Cost)));
        return new RollupItem(
            reader.GetString(1) is { Length: > 0 } key ? key : Unattributed, reader.GetFieldValue<DateTimeOffset>(0), only?.EstimatedCost, only?.BilledCost,
            reader.ValueOrNull<decimal>(2), reader.ValueOrNull<decimal>(3), reader.GetInt64(4), reader.GetInt64(5), reader.GetInt64(6), reader.ValueOrNull<int>(7), reader.GetInt64(8),
            only?.Currency, only?.Cost, costs);
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
