using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Text;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Costs;

/// <summary>Cost events as the columns of one statement: a batch of any size is one round trip and one plan.</summary>
internal static class CostEventRows
{
    private const string Columns =
        """
        event_id, at, actor_id, agent_id, session_id, activity_id, task_id, ticket_id, project, surface, node_id, module_id, provider, access_path,
        tokens_input, tokens_output, tokens_cache_read, tokens_cache_write, tokens_reasoning, usage_units_in, usage_units_out,
        estimated_cost, billed_cost, currency, knowledge, price_id, call_end, latency_ms, retries, fallbacks, notes, corrects, invoice_id
        """;

    /// <summary>
    /// Writes the events whose id is new, puts them in line for the rollups and returns their ids. The first correction that
    /// knows what an unknown event cost resolves it; whoever writes corrections holds the ids that they correct.
    /// </summary>
    public const string InsertNew =
        $"""
        with given as materialized (
            select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
                $25, $26, $27, $28, $29, $30, $31, $32, $33) as e ({Columns})
        ), fresh as (
            insert into cost_event_ids (event_id, at) select event_id, at from given order by event_id on conflict do nothing returning event_id
        ), written as (
            insert into cost_events ({Columns}, environment, resolves_unknown)
            select g.*, $34, g.corrects is not null and g.knowledge <> 'unknown'
                and row_number() over (partition by g.corrects order by g.event_id) = 1
                and exists (select from cost_event_ids i join cost_events c on c.at = i.at and c.event_id = i.event_id where i.event_id = g.corrects and c.knowledge = 'unknown')
                and not exists (select from cost_events k where k.corrects = g.corrects and k.resolves_unknown)
            from given g join fresh using (event_id)
        ), queued as (
            insert into cost_rollup_queue (event_id, at) select g.event_id, g.at from given g join fresh using (event_id)
        )
        select event_id from fresh
        """;

    /// <summary>Adds the parameters of <see cref="InsertNew"/>.</summary>
    public static void AddTo(NpgsqlParameterCollection parameters, IReadOnlyList<CostEvent> events, string environment)
    {
        Add(NpgsqlDbType.Uuid, e => e.EventId);
        Add(NpgsqlDbType.TimestampTz, e => e.At.UtcDateTime);
        Add(NpgsqlDbType.Uuid, e => e.Attribution.ActorId);
        Add(NpgsqlDbType.Uuid, e => e.Attribution.AgentId);
        Add(NpgsqlDbType.Text, e => e.Attribution.SessionId);
        Add(NpgsqlDbType.Text, e => e.Attribution.ActivityId);
        Add(NpgsqlDbType.Uuid, e => e.Attribution.TaskId);
        Add(NpgsqlDbType.Uuid, e => e.Attribution.TicketId);
        Add(NpgsqlDbType.Text, e => e.Attribution.Project);
        Add(NpgsqlDbType.Text, e => e.Attribution.Surface);
        Add(NpgsqlDbType.Text, e => e.Attribution.NodeId);
        Add(NpgsqlDbType.Text, e => e.ModuleId);
        Add(NpgsqlDbType.Text, e => e.Provider);
        Add(NpgsqlDbType.Text, e => e.AccessPath?.Wire());
        Add(NpgsqlDbType.Bigint, e => e.Tokens.Input);
        Add(NpgsqlDbType.Bigint, e => e.Tokens.Output);
        Add(NpgsqlDbType.Bigint, e => e.Tokens.CacheRead);
        Add(NpgsqlDbType.Bigint, e => e.Tokens.CacheWrite);
        Add(NpgsqlDbType.Bigint, e => e.Tokens.Reasoning);
        Add(NpgsqlDbType.Numeric, e => e.UsageUnitsIn);
        Add(NpgsqlDbType.Numeric, e => e.UsageUnitsOut);
        Add(NpgsqlDbType.Numeric, e => e.EstimatedCost);
        Add(NpgsqlDbType.Numeric, e => e.BilledCost);
        Add(NpgsqlDbType.Text, e => e.Currency);
        Add(NpgsqlDbType.Text, e => e.Knowledge.Wire());
        Add(NpgsqlDbType.Uuid, e => e.PriceId);
        Add(NpgsqlDbType.Text, e => e.End?.Wire());
        Add(NpgsqlDbType.Integer, e => e.LatencyMs);
        Add(NpgsqlDbType.Integer, e => e.Retries);
        Add(NpgsqlDbType.Integer, e => e.Fallbacks);
        Add(NpgsqlDbType.Text, e => e.Notes);
        Add(NpgsqlDbType.Uuid, e => e.Corrects);
        Add(NpgsqlDbType.Uuid, e => e.InvoiceId);
        parameters.Add(new NpgsqlParameter { Value = environment });

        void Add<T>(NpgsqlDbType type, Func<CostEvent, T> column)
        {
            var values = new T[events.Count];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = column(events[i]);
            }

            parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | type, Value = values });
        }
    }
}
