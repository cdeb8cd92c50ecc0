using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>What was really paid for a unit.</summary>
/// <param name="From">From when.</param>
/// <param name="To">Until when.</param>
/// <param name="Items">By module and access path; each measure's cheapest first, and the unknown ones last.</param>
public sealed record EffectivePriceList(DateTimeOffset From, DateTimeOffset To, IReadOnlyList<EffectivePrice> Items);

/// <summary>Compares what modules really cost on each access path (CO-06): from the events themselves, since no sum is kept by both.</summary>
public sealed class EffectivePriceQueries(NpgsqlDataSource database, TimeProvider time)
{
    /// <summary>The time that is looked at unless another is said.</summary>
    public static readonly TimeSpan DefaultSpan = TimeSpan.FromDays(30);

    // Every event of the time is read: a quarter of them takes seconds where there are millions.
    private static readonly TimeSpan LongestSpan = TimeSpan.FromDays(93);

    // A use whose cost a correction has made known counts in that correction's currency.
    private const string Metered =
        $"""
        select e.module_id, e.provider, e.access_path, coalesce(e.currency, r.currency) as currency, sum(coalesce(e.billed_cost, e.estimated_cost)),
            count(*) filter (where {CostFacts.IsUse}),
            sum(coalesce(e.usage_units_in, 0) + coalesce(e.usage_units_out, 0)) filter (where coalesce(e.usage_units_in, e.usage_units_out) is not null),
            coalesce(bool_or(e.tokens_input is not null or e.tokens_output is not null), false)
        from cost_events e
        left join (select corrects, min(currency) as currency from cost_events where corrects is not null and resolves_unknown group by 1) r on r.corrects = e.event_id
        where e.at >= @from and e.at < @to and e.invoice_id is null
        group by 1, 2, 3, 4;

        select e.provider, e.module_id, e.currency, sum(e.billed_cost) from cost_events e
        where e.at >= @from and e.at < @to and e.invoice_id is not null and e.billed_cost is not null group by 1, 2, 3
        """;

    /// <summary>The prices of a time.</summary>
    /// <exception cref="ValidationException">The time is empty, or longer than 93 days.</exception>
    public async Task<EffectivePriceList> ListAsync(DateTimeOffset? from, DateTimeOffset? to, CancellationToken cancellationToken)
    {
        var end = to ?? time.GetUtcNow();
        var start = from ?? end - DefaultSpan;
        if (end <= start || end - start > LongestSpan)
        {
            throw new ValidationException("to", $"Later than from, and at the most {LongestSpan.TotalDays:0} days after it.");
        }

        await using var command = database.CreateCommand(Metered);
        command.Parameters.AddWithValue("from", start.UtcDateTime);
        command.Parameters.AddWithValue("to", end.UtcDateTime);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var metered = new List<MeteredPath>();
        while (await reader.ReadAsync(cancellationToken))
        {
            metered.Add(new MeteredPath(
                reader.TextOrNull(0), reader.TextOrNull(1), reader.TextOrNull(2) is { } path ? WireNames<AccessPath>.Parse(path) : null, reader.TextOrNull(3),
                Plain(reader.ValueOrNull<decimal>(4)), reader.GetInt64(5), Plain(reader.ValueOrNull<decimal>(6)), reader.GetBoolean(7)));
        }

        await reader.NextResultAsync(cancellationToken);
        var invoiced = new List<InvoicedDifference>();
        while (await reader.ReadAsync(cancellationToken))
        {
            invoiced.Add(new InvoicedDifference(reader.TextOrNull(0), reader.TextOrNull(1), reader.GetString(2), Money.Plain(reader.GetDecimal(3))));
        }

        return new EffectivePriceList(start, end, EffectivePrices.Of(metered, invoiced));
    }

    private static decimal? Plain(decimal? amount) => amount is { } known ? Money.Plain(known) : null;
}
