using System.Collections.Concurrent;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Text;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Costs;

/// <summary>Cost events as the columns of one statement: a batch of any size is one round trip and one plan.</summary>
internal static class CostEventRows
{
    // The statement itself speaks of these.
    private const int AlwaysGiven = 4;

    private static readonly Column[] Columns =
    [
        Column.Of("event_id", NpgsqlDbType.Uuid, e => e.EventId),
        Column.Of("at", NpgsqlDbType.TimestampTz, e => e.At.UtcDateTime),
        Column.Of("actor_id", NpgsqlDbType.Uuid, e => e.Attribution.ActorId),
        Column.Of("knowledge", NpgsqlDbType.Text, e => e.Knowledge.Wire()),
        Column.Of("agent_id", NpgsqlDbType.Uuid, e => e.Attribution.AgentId),
        Column.Of("session_id", NpgsqlDbType.Text, e => e.Attribution.SessionId),
        Column.Of("activity_id", NpgsqlDbType.Text, e => e.Attribution.ActivityId),
        Column.Of("task_id", NpgsqlDbType.Uuid, e => e.Attribution.TaskId),
        Column.Of("ticket_id", NpgsqlDbType.Uuid, e => e.Attribution.TicketId),
        Column.Of("project", NpgsqlDbType.Text, e => e.Attribution.Project),
        Column.Of("surface", NpgsqlDbType.Text, e => e.Attribution.Surface),
        Column.Of("node_id", NpgsqlDbType.Text, e => e.Attribution.NodeId),
        Column.Of("module_id", NpgsqlDbType.Text, e => e.ModuleId),
        Column.Of("provider", NpgsqlDbType.Text, e => e.Provider),
        Column.Of("access_path", NpgsqlDbType.Text, e => e.AccessPath?.Wire()),
        Column.Of("tokens_input", NpgsqlDbType.Bigint, e => e.Tokens.Input),
        Column.Of("tokens_output", NpgsqlDbType.Bigint, e => e.Tokens.Output),
        Column.Of("tokens_cache_read", NpgsqlDbType.Bigint, e => e.Tokens.CacheRead),
        Column.Of("tokens_cache_write", NpgsqlDbType.Bigint, e => e.Tokens.CacheWrite),
        Column.Of("tokens_reasoning", NpgsqlDbType.Bigint, e => e.Tokens.Reasoning),
        Column.Of("usage_units_in", NpgsqlDbType.Numeric, e => e.UsageUnitsIn),
        Column.Of("usage_units_out", NpgsqlDbType.Numeric, e => e.UsageUnitsOut),
        Column.Of("estimated_cost", NpgsqlDbType.Numeric, e => e.EstimatedCost),
        Column.Of("billed_cost", NpgsqlDbType.Numeric, e => e.BilledCost),
        Column.Of("currency", NpgsqlDbType.Text, e => e.Currency),
        Column.Of("price_id", NpgsqlDbType.Uuid, e => e.PriceId),
        Column.Of("call_end", NpgsqlDbType.Text, e => e.End?.Wire()),
        Column.Of("latency_ms", NpgsqlDbType.Integer, e => e.LatencyMs),
        Column.Of("retries", NpgsqlDbType.Integer, e => e.Retries),
        Column.Of("fallbacks", NpgsqlDbType.Integer, e => e.Fallbacks),
        Column.Of("notes", NpgsqlDbType.Text, e => e.Notes),
        Column.Of("corrects", NpgsqlDbType.Uuid, e => e.Corrects),
        Column.Of("invoice_id", NpgsqlDbType.Uuid, e => e.InvoiceId),
    ];

    // The common case says nothing of other events, so that its plan touches no partition but the one that a row goes to.
    private const string ResolvesNothing = "false";

    private const string ResolvesUnknown =
        """
        g.corrects is not null and g.knowledge <> 'unknown'
            and row_number() over (partition by g.corrects order by g.event_id) = 1
            and exists (select from cost_event_ids i join cost_events c on c.at = i.at and c.event_id = i.event_id where i.event_id = g.corrects and c.knowledge = 'unknown')
            and not exists (select from cost_events k where k.corrects = g.corrects and k.resolves_unknown)
        """;

    // Reporters and gateways each fill in much the same columns every time: a few shapes in all, each planned once for a connection.
    private static readonly ConcurrentDictionary<(ulong Given, bool Corrects), string> Statements = new();

    /// <summary>
    /// Adds the commands that write the events whose id is new, put them in line for the rollups and return their ids. The first
    /// correction that knows what an unknown event cost resolves it; whoever writes corrections holds the ids that they correct.
    /// </summary>
    public static void AddTo(NpgsqlBatch batch, IReadOnlyList<CostEvent> events, string environment)
    {
        // Left to itself, PostgreSQL plans a statement over partitions anew each time.
        batch.BatchCommands.Add(new NpgsqlBatchCommand("set local plan_cache_mode = force_generic_plan"));
        var insert = new NpgsqlBatchCommand();
        var given = 0UL;
        for (var i = 0; i < Columns.Length; i++)
        {
            // PostgreSQL takes an array apart at a price for each of its values: a column of which no event has anything is left out.
            if (Columns[i].ParameterOf(events, isNeeded: i < AlwaysGiven) is { } parameter)
            {
                given |= 1UL << i;
                insert.Parameters.Add(parameter);
            }
        }

        insert.Parameters.Add(new NpgsqlParameter { Value = environment });
        insert.CommandText = Statements.GetOrAdd((given, events.Any(e => e.Corrects is not null)), static shape => InsertThat(shape.Given, shape.Corrects ? ResolvesUnknown : ResolvesNothing));
        batch.BatchCommands.Add(insert);
    }

    private static string InsertThat(ulong given, string resolves)
    {
        var names = Columns.Where((_, i) => (given & (1UL << i)) != 0).Select(c => c.Name).ToList();
        var columns = string.Join(", ", names);
        return
            $"""
            with given as materialized (
                select * from unnest({string.Join(", ", names.Select((_, i) => $"${i + 1}"))}) as e ({columns})
            ), fresh as (
                insert into cost_event_ids (event_id, at) select event_id, at from given order by event_id on conflict do nothing returning event_id
            ), written as (
                insert into cost_events ({columns}, environment, resolves_unknown)
                select g.*, ${names.Count + 1}, {resolves} from given g join fresh using (event_id)
            ), queued as (
                insert into cost_rollup_queue (event_id, at) select g.event_id, g.at from given g join fresh using (event_id)
            )
            select event_id from fresh
            """;
    }

    /// <summary>A column, and what an event has in it.</summary>
    private abstract record Column(string Name)
    {
        public static Column Of<T>(string name, NpgsqlDbType type, Func<CostEvent, T> value) => new Column<T>(name, type, value);

        /// <summary>Its values as an array; null if it is not needed and none of the events has other than what the table has by itself.</summary>
        public abstract NpgsqlParameter? ParameterOf(IReadOnlyList<CostEvent> events, bool isNeeded);
    }

    private sealed record Column<T>(string Name, NpgsqlDbType Type, Func<CostEvent, T> Value) : Column(Name)
    {
        public override NpgsqlParameter? ParameterOf(IReadOnlyList<CostEvent> events, bool isNeeded)
        {
            var values = new T[events.Count];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = Value(events[i]);
                isNeeded |= !EqualityComparer<T>.Default.Equals(values[i], default);
            }

            return isNeeded ? new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | Type, Value = values } : null;
        }
    }
}
