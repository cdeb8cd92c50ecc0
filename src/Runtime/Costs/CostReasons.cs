using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>A part of a number.</summary>
/// <param name="Key">Which; null for what could not be attributed.</param>
/// <param name="Name">What people call it.</param>
/// <param name="Cost">What it cost; null where that is not known.</param>
/// <param name="Uses">How many uses.</param>
public sealed record CostPart(string? Key, string? Name, decimal? Cost, long Uses);

/// <summary>A number in its parts: the largest five, by one of its sides.</summary>
/// <param name="By">By what: <c>environment</c>, <c>node</c>, <c>service</c>, <c>surface</c>, <c>project</c>, <c>ticket</c>, <c>module</c>, <c>agent</c>, <c>outcome</c>.</param>
/// <param name="Parts">The largest first.</param>
/// <param name="Others">How many more there are.</param>
public sealed record CostSide(string By, IReadOnlyList<CostPart> Parts, long Others);

/// <summary>The same things in the time of the same length before.</summary>
public sealed record CostBefore(decimal? Cost, long Uses);

/// <summary>What is expensive, why, and whether it is justified (blueprint 13.3), of the events behind a number.</summary>
/// <param name="Cost">What they cost, in <paramref name="Currency"/>; null where that is not known.</param>
/// <param name="Currency">The one that most was spent in; other currencies' amounts are in no figure here.</param>
/// <param name="Uses">How many uses.</param>
/// <param name="UnknownCostEvents">Uses of which nobody knows what they cost.</param>
/// <param name="FailedCost">What uses cost that failed.</param>
/// <param name="Retries">Attempts after the first.</param>
/// <param name="Units">What went in and out.</param>
/// <param name="Before">The time before, where the number has a beginning.</param>
/// <param name="Sides">What: where it was spent. Why: on what. Justified: <c>outcome</c>, what became of the work.</param>
/// <param name="Complete">Whether all events are in it; false where only the newest could be looked at.</param>
public sealed record CostReasons(
    decimal? Cost, string Currency, long Uses, long UnknownCostEvents, decimal? FailedCost, long Retries, decimal? Units, CostBefore? Before, IReadOnlyList<CostSide> Sides, bool Complete);

/// <summary>Answers the three questions for any number that was drilled to (CO-16).</summary>
public sealed class CostReasonQueries(NpgsqlDataSource database, CostReadings names, TimeProvider time)
{
    // Each event is looked at from nine sides; more than these would keep somebody waiting for seconds.
    private const int MostEvents = 50_000;

    private const int MostParts = 5;

    private const string Amount = "case when e.currency = @currency then coalesce(e.billed_cost, e.estimated_cost) end";

    /// <summary>The sides, in the order in which they are told.</summary>
    private static readonly string[] Sides = ["environment", "node", "service", "surface", "project", "ticket", "module", "agent", "outcome"];

    /// <summary>The answers.</summary>
    public async Task<CostReasons> FindAsync(CostEventFilter filter, CancellationToken cancellationToken)
    {
        var (currency, total) = await TotalAsync(filter, cancellationToken);
        var sides = await SidesAsync(filter, currency, cancellationToken);
        return total with { Before = await BeforeAsync(filter, currency, cancellationToken), Sides = sides };
    }

    private async Task<(string Currency, CostReasons Total)> TotalAsync(CostEventFilter filter, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        command.CommandText =
            $"""
            with e as materialized ({Newest(command, filter)}),
                c as (select currency from e where currency is not null group by 1 order by sum(coalesce(billed_cost, estimated_cost)) desc nulls last limit 1)
            select (select currency from c), sum(coalesce(e.billed_cost, e.estimated_cost)) filter (where e.currency = (select currency from c)), count(*) filter (where {CostFacts.IsUse}),
                coalesce(sum({CostFacts.UnknownDelta}), 0)::bigint,
                sum(coalesce(e.billed_cost, e.estimated_cost)) filter (where {CostFacts.HasFailed} and e.currency = (select currency from c)),
                coalesce(sum(e.retries), 0)::bigint, sum(coalesce(e.usage_units_in, 0) + coalesce(e.usage_units_out, 0)), count(*)
            from e
            """;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var currency = reader.TextOrNull(0) ?? "USD";
        return (currency, new CostReasons(
            Plain(reader.ValueOrNull<decimal>(1)), currency, reader.GetInt64(2), reader.GetInt64(3), Plain(reader.ValueOrNull<decimal>(4)), reader.GetInt64(5), Plain(reader.ValueOrNull<decimal>(6)),
            null, [], reader.GetInt64(7) < MostEvents));
    }

    private async Task<IReadOnlyList<CostSide>> SidesAsync(CostEventFilter filter, string currency, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        command.CommandText =
            $"""
            with e as materialized ({Newest(command, filter)}), parts as (
                select d.side, d.key, sum({Amount}) as cost, count(*) filter (where {CostFacts.IsUse}) as uses
                from e left join actors a on a.id = e.actor_id left join tasks t on t.id = e.task_id,
                lateral (values ('environment', e.environment), ('node', e.node_id), ('service', a.name), ('surface', e.surface), ('project', e.project), ('ticket', e.ticket_id::text),
                    ('module', e.module_id), ('agent', e.agent_id::text), ('outcome', t.state)) d (side, key)
                group by 1, 2), ranked as (
                select *, row_number() over (partition by side order by cost desc nulls last, uses desc, key) as place, count(*) over (partition by side) as parts from parts)
            select side, key, cost, uses, parts from ranked where place <= {MostParts} order by side, place
            """;
        command.Parameters.AddWithValue("currency", currency);
        var found = new Dictionary<string, (List<CostPart> Parts, long All)>(StringComparer.Ordinal);
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                var (side, all) = (reader.GetString(0), reader.GetInt64(4));
                var parts = found.TryGetValue(side, out var known) ? known.Parts : (found[side] = ([], all)).Parts;
                parts.Add(new CostPart(reader.TextOrNull(1), reader.TextOrNull(1), Plain(reader.ValueOrNull<decimal>(2)), reader.GetInt64(3)));
            }
        }

        var told = new List<CostSide>();
        foreach (var side in Sides.Where(found.ContainsKey))
        {
            var (parts, all) = found[side];
            told.Add(new CostSide(side, await NamedAsync(side, parts, cancellationToken), all - parts.Count));
        }

        return told;
    }

    private async Task<IReadOnlyList<CostPart>> NamedAsync(string side, List<CostPart> parts, CancellationToken cancellationToken)
    {
        RollupDimension? by = side switch { "ticket" => RollupDimension.Ticket, "agent" => RollupDimension.Agent, _ => null };
        if (by is not { } dimension)
        {
            return parts;
        }

        var called = await names.NamesAsync(dimension, [.. parts.Select(p => p.Key).OfType<string>()], cancellationToken);
        return parts.ConvertAll(p => p.Key is { } key ? p with { Name = called.GetValueOrDefault(key, key) } : p);
    }

    private async Task<CostBefore?> BeforeAsync(CostEventFilter filter, string currency, CancellationToken cancellationToken)
    {
        if (filter.From is not { } from)
        {
            return null;
        }

        var length = (filter.To ?? time.GetUtcNow()) - from;
        if (length <= TimeSpan.Zero || from.UtcTicks < length.Ticks)
        {
            return null;
        }

        await using var command = database.CreateCommand();
        command.CommandText =
            $"select sum({Amount}), count(*) filter (where {CostFacts.IsUse}) from ({Newest(command, filter with { From = from - length, To = from })}) e";
        command.Parameters.AddWithValue("currency", currency);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new CostBefore(Plain(reader.ValueOrNull<decimal>(0)), reader.GetInt64(1));
    }

    private static string Newest(NpgsqlCommand command, CostEventFilter filter) =>
        $"select e.* from cost_events e where {CostEventQueries.Where(command, filter, null)} order by e.at desc, e.event_id desc limit {MostEvents}";

    private static decimal? Plain(decimal? amount) => amount is { } known ? Money.Plain(known) : null;
}
