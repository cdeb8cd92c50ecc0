using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>What the rollups need of a cost event, read from its row.</summary>
internal static class CostFacts
{
    /// <summary>The key of each dimension, in the order of <see cref="RollupDimension"/>, as columns of <c>cost_events e</c>.</summary>
    public static readonly IReadOnlyList<string> KeyColumns =
    [
        "e.activity_id", "e.task_id::text", "e.ticket_id::text", "e.project", "e.module_id", "e.provider", "e.access_path", "e.agent_id::text", "e.node_id",
        "e.environment", "e.surface",
    ];

    /// <summary>Whether it is a use and not a correction.</summary>
    public const string IsUse = "(e.corrects is null and e.invoice_id is null)";

    /// <summary>Whether it is a use that did not bring its answer. What the caller cut short did not fail.</summary>
    public const string HasFailed = "coalesce(e.call_end in ('failed', 'throttled', 'cut_by_upstream', 'lost'), false)";

    /// <summary>What it adds to the number of uses of unknown cost.</summary>
    public const string UnknownDelta = $"(case when {IsUse} and e.knowledge = 'unknown' then 1 when e.resolves_unknown then -1 else 0 end)";

    /// <summary>The columns that <see cref="Read"/> reads.</summary>
    public static readonly string Columns =
        $"""
        e.at, {string.Join(", ", KeyColumns)},
        {IsUse}::int, {HasFailed}::int, e.retries, {UnknownDelta}, e.usage_units_in, e.usage_units_out, e.currency, e.estimated_cost, e.billed_cost, e.latency_ms
        """;

    /// <summary>Reads a row.</summary>
    public static CostFact Read(NpgsqlDataReader reader)
    {
        var keys = new string[KeyColumns.Count];
        for (var i = 0; i < keys.Length; i++)
        {
            keys[i] = reader.TextOrNull(1 + i) ?? "";
        }

        var next = 1 + keys.Length;
        return new CostFact(
            reader.GetFieldValue<DateTimeOffset>(0), keys, reader.GetInt32(next), reader.GetInt32(next + 1), reader.GetInt32(next + 2), reader.GetInt32(next + 3),
            reader.ValueOrNull<decimal>(next + 4), reader.ValueOrNull<decimal>(next + 5), reader.TextOrNull(next + 6),
            reader.ValueOrNull<decimal>(next + 7), reader.ValueOrNull<decimal>(next + 8), reader.ValueOrNull<int>(next + 9));
    }
}
