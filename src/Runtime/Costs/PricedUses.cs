using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Costs;

/// <summary>A price, and the time in which it is the one in force.</summary>
/// <param name="Price">The price, with its id.</param>
/// <param name="Until">When the next one begins; null for the last.</param>
public sealed record PriceInForce(Price Price, DateTimeOffset? Until);

/// <summary>A use that was reckoned by another price than the one in force when it arose.</summary>
/// <param name="Use">The use, and what it counts for by now.</param>
/// <param name="Price">The price in force.</param>
/// <param name="IsLeftAlone">Whether something else has the last word on it: an invoice, or a correction by hand.</param>
public sealed record MispricedUse(PricedUse Use, Price Price, bool IsLeftAlone);

/// <summary>Finds uses that were reckoned by a price that is no longer the one in force for their time (CO-07).</summary>
/// <remarks>
/// Only what was reckoned by a price of the catalogue, or was not known at all, is reckoned anew: what a reporter or a bill says
/// that it cost is not ours to change. An invoice that covers a use has the last word on it, and so has a correction by hand.
/// </remarks>
public sealed class PricedUses(CostEnvironment environment)
{
    // Entries are booked in this host's environment, so only that environment's uses are looked at.
    private const string Find =
        """
        with adjusted as (
            select corrects as event_id, array_agg(currency) filter (where amount is not null) as currencies, array_agg(amount) filter (where amount is not null) as amounts,
                (array_agg(price_id order by last desc))[1] as price_id, bool_or(by_hand) as by_hand
            from (
                select corrects, currency, sum(estimated_cost) as amount, (array_agg(price_id order by recorded_at desc))[1] as price_id, max(recorded_at) as last,
                    bool_or(price_id is null or call_end is not null) as by_hand
                from cost_events where corrects is not null group by corrects, currency
            ) c group by corrects
        )
        select r.place, e.event_id, e.at, e.actor_id, e.agent_id, e.session_id, e.activity_id, e.task_id, e.ticket_id, e.project, e.surface, e.node_id, e.module_id, e.provider, e.access_path,
            e.tokens_input, e.tokens_output, e.tokens_cache_read, e.tokens_cache_write, e.tokens_reasoning, e.estimated_cost, e.currency, e.knowledge, e.latency_ms,
            k.currencies, k.amounts,
            coalesce(k.by_hand, false) or exists (
                select from invoices i where i.provider = e.provider and i.period_from <= (e.at at time zone 'UTC')::date and i.period_to > (e.at at time zone 'UTC')::date)
        from unnest(@modules, @froms, @tos, @prices) with ordinality as r (module, starts, ends, price, place)
        join cost_events e on e.module_id = r.module and e.at >= r.starts and e.at < r.ends
        left join adjusted k on k.event_id = e.event_id
        where e.corrects is null and e.invoice_id is null and e.billed_cost is null and e.environment = @environment
            and e.tokens_input is not null and e.tokens_output is not null and (e.price_id is not null or e.knowledge = 'unknown')
            and coalesce(k.price_id, e.price_id) is distinct from r.price and (@after_at::timestamptz is null or (e.at, e.event_id) > (@after_at, @after_id))
        order by e.at, e.event_id
        """;

    /// <summary>All of them, oldest first, as they come from the database.</summary>
    /// <param name="connection">A connection, in a transaction if others must not book meanwhile.</param>
    /// <param name="prices">Which prices are in force when.</param>
    /// <param name="after">Only those that come after this place.</param>
    /// <param name="most">At the most so many; all of them if null.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async IAsyncEnumerable<MispricedUse> FindAsync(
        NpgsqlConnection connection, IReadOnlyList<PriceInForce> prices, PlaceInTime? after, int? most,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(most is null ? Find : Find + " limit @most", connection) { CommandTimeout = 0 };
        command.Parameters.AddWithValue("modules", prices.Select(p => p.Price.Module).ToArray());
        command.Parameters.AddWithValue("froms", prices.Select(p => p.Price.EffectiveFrom.UtcDateTime).ToArray());
        command.Parameters.AddWithValue("tos", prices.Select(p => p.Until?.UtcDateTime ?? DateTime.MaxValue).ToArray());
        command.Parameters.AddWithValue("prices", prices.Select(p => p.Price.Id!.Value).ToArray());
        command.Parameters.AddWithValue("environment", environment.Name);
        command.Parameters.AddWithValue("after_at", NpgsqlDbType.TimestampTz, (object?)after?.At.UtcDateTime ?? DBNull.Value);
        command.Parameters.AddWithValue("after_id", NpgsqlDbType.Uuid, (object?)after?.Id ?? DBNull.Value);
        if (most is { } limit)
        {
            command.Parameters.AddWithValue("most", limit);
        }

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            yield return new MispricedUse(Read(reader), prices[(int)reader.GetInt64(0) - 1].Price, reader.GetBoolean(26));
        }
    }

    private static PricedUse Read(NpgsqlDataReader reader)
    {
        var use = new CostEvent
        {
            EventId = reader.GetGuid(1),
            At = reader.GetFieldValue<DateTimeOffset>(2),
            Attribution = new Attribution(
                reader.GetGuid(3), reader.ValueOrNull<Guid>(4), reader.TextOrNull(5), reader.TextOrNull(6), reader.ValueOrNull<Guid>(7), reader.ValueOrNull<Guid>(8),
                reader.TextOrNull(9), reader.TextOrNull(10), reader.TextOrNull(11)),
            ModuleId = reader.GetString(12),
            Provider = reader.TextOrNull(13),
            AccessPath = reader.TextOrNull(14) is { } path ? WireNames<AccessPath>.Parse(path) : null,
            Tokens = new TokenUsage(reader.GetInt64(15), reader.GetInt64(16), reader.ValueOrNull<long>(17), reader.ValueOrNull<long>(18), reader.ValueOrNull<long>(19)),
            EstimatedCost = reader.ValueOrNull<decimal>(20),
            Currency = reader.TextOrNull(21),
            Knowledge = WireNames<CostKnowledge>.Parse(reader.GetString(22)),
            LatencyMs = reader.ValueOrNull<int>(23),
        };
        var counted = new Dictionary<string, decimal>(StringComparer.Ordinal);
        if (use is { EstimatedCost: { } cost, Currency: { } currency })
        {
            counted[currency] = cost;
        }

        if (!reader.IsDBNull(24))
        {
            foreach (var (of, amount) in reader.GetFieldValue<string[]>(24).Zip(reader.GetFieldValue<decimal[]>(25)))
            {
                counted[of] = counted.GetValueOrDefault(of) + amount;
            }
        }

        return new PricedUse(use, counted, use.Knowledge != CostKnowledge.Unknown || !reader.IsDBNull(24));
    }
}
