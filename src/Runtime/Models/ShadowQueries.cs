using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Models;

/// <summary>Whether answers are scored.</summary>
public enum ShadowScoring
{
    /// <summary>The route names no judge, and none has scored: how good the answers are is not known.</summary>
    NoJudge,

    /// <summary>A judge is named, and has not yet scored a comparison.</summary>
    NoneYet,

    /// <summary>There are scores.</summary>
    Scored,
}

/// <summary>How a route's shadow has done against a module that answered.</summary>
/// <param name="Route">The alias that callers ask for.</param>
/// <param name="Module">Who answered them.</param>
/// <param name="ShadowModule">Who was asked as well.</param>
/// <param name="Percent">The share of calls that it is asked now; null where the route has this shadow no more.</param>
/// <param name="Judge">Who scores now; null for nobody.</param>
/// <param name="Scoring">Whether there are scores.</param>
/// <param name="Comparisons">How many calls the shadow was asked.</param>
/// <param name="Answered">How many of them it answered to the end. All that follows is of these.</param>
/// <param name="Priced">Of how many both costs are known, in one currency.</param>
/// <param name="Currency">Which; null where there is none.</param>
/// <param name="CostPerCall">What one came to, on average.</param>
/// <param name="ShadowCostPerCall">What the shadow came to.</param>
/// <param name="SavedPerCall">The difference: below zero where the shadow is dearer. What it costs to compare is not in it.</param>
/// <param name="LatencyMs">Half of the answers took less, to their last byte.</param>
/// <param name="ShadowLatencyMs">Half of the shadow's did.</param>
/// <param name="OutputTokens">Tokens of an answer, on average.</param>
/// <param name="ShadowOutputTokens">Of the shadow's.</param>
/// <param name="Scores">How many comparisons a judge has scored.</param>
/// <param name="Score">The mean score of the answers, 0 to 100; null without scores.</param>
/// <param name="ShadowScore">The mean score of the shadow's.</param>
/// <param name="LastAt">When a call was last compared; null for never.</param>
public sealed record ShadowStanding(
    string Route, string Module, string ShadowModule, decimal? Percent, string? Judge, ShadowScoring Scoring, int Comparisons = 0, int Answered = 0, int Priced = 0,
    string? Currency = null, decimal? CostPerCall = null, decimal? ShadowCostPerCall = null, decimal? SavedPerCall = null, int? LatencyMs = null, int? ShadowLatencyMs = null,
    int? OutputTokens = null, int? ShadowOutputTokens = null, int Scores = 0, decimal? Score = null, decimal? ShadowScore = null, DateTimeOffset? LastAt = null);

/// <summary>Routes' shadows, by route.</summary>
public sealed record ShadowList(IReadOnlyList<ShadowStanding> Items, string? NextCursor);

/// <summary>Reads how shadows have done: the latest comparisons of each route that there is.</summary>
public sealed class ShadowQueries(NpgsqlDataSource database, ModelCatalogue catalogue)
{
    // Enough for a mean that does not move; a page that reads it every other second reads no more, however much is kept.
    private const int LatestOfEach = 2_000;

    // Money of several currencies is not added up: where a price has changed its currency, the one that most comparisons have counts.
    private const string Sums =
        """
        with answered as (
            select *, case when currency = shadow_currency and cost is not null and shadow_cost is not null then currency end as common
            from unnest($1) named (alias) cross join lateral (select * from shadow_comparisons where route = named.alias order by at desc limit $2) latest
        ), grouped as (
            select route, module_id, shadow_module_id, mode() within group (order by common) as currency from answered where shadow_ended = 'completed' group by 1, 2, 3
        )
        select a.route, a.module_id, a.shadow_module_id, count(*)::int,
            count(*) filter (where shadow_ended = 'completed')::int,
            count(*) filter (where shadow_ended = 'completed' and common = g.currency)::int,
            g.currency,
            avg(cost) filter (where shadow_ended = 'completed' and common = g.currency),
            avg(shadow_cost) filter (where shadow_ended = 'completed' and common = g.currency),
            (percentile_cont(0.5) within group (order by latency_ms) filter (where shadow_ended = 'completed'))::int,
            (percentile_cont(0.5) within group (order by shadow_latency_ms) filter (where shadow_ended = 'completed'))::int,
            (avg(output_tokens) filter (where shadow_ended = 'completed'))::int,
            (avg(shadow_output_tokens) filter (where shadow_ended = 'completed'))::int,
            count(score)::int, avg(score), avg(shadow_score), max(at)
        from answered a left join grouped g using (route, module_id, shadow_module_id)
        group by a.route, a.module_id, a.shadow_module_id, g.currency
        """;

    /// <summary>Those that there are, and those that there were.</summary>
    public async Task<ShadowList> ListAsync(CancellationToken cancellationToken)
    {
        var routes = catalogue.Current.Routes.ToDictionary(r => r.Alias, StringComparer.Ordinal);
        var kept = new List<ShadowStanding>();
        await using var command = database.CreateCommand(Sums);
        command.Parameters.AddWithValue(routes.Keys.ToArray());
        command.Parameters.AddWithValue(LatestOfEach);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            kept.Add(Read(reader, routes));
        }

        var notYet = routes.Values.Where(r => r.Shadow is not null && !kept.Exists(k => k.Route == r.Alias && k.ShadowModule == r.Shadow!.Module))
            .Select(r => new ShadowStanding(r.Alias, r.Modules[0], r.Shadow!.Module, r.Shadow.Percent, r.Shadow.Judge, r.Shadow.Judge is null ? ShadowScoring.NoJudge : ShadowScoring.NoneYet));
        return new ShadowList(
            [.. kept.Concat(notYet).OrderBy(s => s.Route, StringComparer.Ordinal).ThenBy(s => s.Percent is null).ThenByDescending(s => s.Comparisons)], null);
    }

    private static ShadowStanding Read(NpgsqlDataReader reader, Dictionary<string, Route> routes)
    {
        var (route, shadow) = (reader.GetString(0), reader.GetString(2));
        var now = routes.GetValueOrDefault(route)?.Shadow is { } named && named.Module == shadow ? named : null;
        var scores = reader.GetInt32(13);
        var (cost, shadowCost) = (Plain(reader.ValueOrNull<decimal>(7)), Plain(reader.ValueOrNull<decimal>(8)));
        return new ShadowStanding(
            route, reader.GetString(1), shadow, now?.Percent, now?.Judge, scores > 0 ? ShadowScoring.Scored : now?.Judge is null ? ShadowScoring.NoJudge : ShadowScoring.NoneYet,
            reader.GetInt32(3), reader.GetInt32(4), reader.GetInt32(5), reader.TextOrNull(6), cost, shadowCost, cost - shadowCost,
            reader.ValueOrNull<int>(9), reader.ValueOrNull<int>(10), reader.ValueOrNull<int>(11), reader.ValueOrNull<int>(12),
            scores, Rounded(reader.ValueOrNull<decimal>(14)), Rounded(reader.ValueOrNull<decimal>(15)), reader.GetFieldValue<DateTimeOffset>(16));
    }

    private static decimal? Plain(decimal? amount) => amount is { } known ? Money.Plain(decimal.Round(known, 12)) : null;

    private static decimal? Rounded(decimal? score) => score is { } known ? Money.Plain(decimal.Round(known, 1)) : null;
}
