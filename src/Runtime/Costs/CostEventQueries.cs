using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>Which events are asked for: those behind a number.</summary>
/// <param name="By">By what it was summed.</param>
/// <param name="Key">Which of them; <c>unattributed</c> for what could not be attributed.</param>
/// <param name="From">From when.</param>
/// <param name="To">Until when.</param>
public sealed record CostEventFilter(RollupDimension? By = null, string? Key = null, DateTimeOffset? From = null, DateTimeOffset? To = null);

/// <summary>A recorded cost, as it is read.</summary>
public sealed record CostEventView(
    Guid EventId, DateTimeOffset Timestamp, Guid ActorId, Guid? AgentRuntimeId, string? AgentName, string? SessionId, string? ActivityId, Guid? TaskId, Guid? TicketId, string? Project,
    string? Surface, string? NodeId, string Environment, string? ModuleId, string? Provider, AccessPath? AccessPath, TokenUsage Tokens, decimal? UsageUnitsIn, decimal? UsageUnitsOut,
    decimal? EstimatedCost, decimal? BilledCost, string? Currency, CostKnowledge Knowledge, Guid? PriceId, CallEnd? CallEnd, int? LatencyMs, int Retries, int Fallbacks,
    string? Notes, Guid? Corrects, Guid? InvoiceId);

/// <summary>Reads recorded costs: newest first.</summary>
public sealed class CostEventQueries(NpgsqlDataSource database)
{
    private const string Columns =
        """
        e.event_id, e.at, e.actor_id, e.agent_id, a.name, e.session_id, e.activity_id, e.task_id, e.ticket_id, e.project, e.surface, e.node_id, e.environment, e.module_id, e.provider,
        e.access_path, e.tokens_input, e.tokens_output, e.tokens_cache_read, e.tokens_cache_write, e.tokens_reasoning, e.usage_units_in, e.usage_units_out,
        e.estimated_cost, e.billed_cost, e.currency, e.knowledge, e.price_id, e.call_end, e.latency_ms, e.retries, e.fallbacks, e.notes, e.corrects, e.invoice_id
        """;

    /// <summary>A page of them.</summary>
    public async Task<Page<CostEventView>> ListAsync(CostEventFilter filter, PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        command.CommandText =
            $"select {Columns} from cost_events e left join agents a on a.id = e.agent_id where {Where(command, filter, page.AfterPlace)} order by e.at desc, e.event_id desc limit @limit";
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var events = new List<CostEventView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            events.Add(Read(reader));
        }

        return page.PageOf(events, e => new PlaceInTime(e.Timestamp, e.EventId));
    }

    /// <summary>All of a time, oldest first, as they come from the database.</summary>
    public async IAsyncEnumerable<CostEventView> StreamAsync(
        DateTimeOffset from, DateTimeOffset to, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        command.CommandText = $"select {Columns} from cost_events e left join agents a on a.id = e.agent_id where {Where(command, new CostEventFilter(null, null, from, to), null)} order by e.at, e.event_id";
        command.CommandTimeout = 0;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            yield return Read(reader);
        }
    }

    internal static string Where(NpgsqlCommand command, CostEventFilter filter, PlaceInTime? after)
    {
        var where = new SqlFilter(command)
            .AddPlace("e.at", "e.event_id", "<", after)
            .Add("e.at >= @from", "from", (object?)filter.From?.UtcDateTime)
            .Add("e.at < @to", "to", (object?)filter.To?.UtcDateTime);
        if (filter is { By: { } by, Key: { } key })
        {
            // By the column's own type, so that its index serves.
            var column = CostFacts.KeyColumns[(int)by];
            if (key == RollupQueries.Unattributed)
            {
                return $"{where.Where} and {column} is null";
            }

            if (column.EndsWith("::text", StringComparison.Ordinal))
            {
                where.Add(
                    $"{column[..^"::text".Length]} = @key", "key",
                    (object)(Guid.TryParse(key, out var id) ? id : throw new ValidationException("key", $"'{key}' is not an id.")));
            }
            else
            {
                where.Add($"{column} = @key", "key", key);
            }
        }

        return where.Where;
    }

    private static CostEventView Read(NpgsqlDataReader reader) => new(
        reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1), reader.GetGuid(2), reader.ValueOrNull<Guid>(3), reader.TextOrNull(4), reader.TextOrNull(5), reader.TextOrNull(6),
        reader.ValueOrNull<Guid>(7), reader.ValueOrNull<Guid>(8), reader.TextOrNull(9), reader.TextOrNull(10), reader.TextOrNull(11), reader.GetString(12), reader.TextOrNull(13), reader.TextOrNull(14),
        reader.TextOrNull(15) is { } path ? WireNames<AccessPath>.Parse(path) : null,
        new TokenUsage(reader.ValueOrNull<long>(16), reader.ValueOrNull<long>(17), reader.ValueOrNull<long>(18), reader.ValueOrNull<long>(19), reader.ValueOrNull<long>(20)),
        Plain(reader.ValueOrNull<decimal>(21)), Plain(reader.ValueOrNull<decimal>(22)), Plain(reader.ValueOrNull<decimal>(23)), Plain(reader.ValueOrNull<decimal>(24)), reader.TextOrNull(25),
        WireNames<CostKnowledge>.Parse(reader.GetString(26)), reader.ValueOrNull<Guid>(27), reader.TextOrNull(28) is { } end ? WireNames<CallEnd>.Parse(end) : null,
        reader.ValueOrNull<int>(29), reader.GetInt32(30), reader.GetInt32(31), reader.TextOrNull(32), reader.ValueOrNull<Guid>(33), reader.ValueOrNull<Guid>(34));

    private static decimal? Plain(decimal? amount) => amount is { } known ? Money.Plain(known) : null;
}
