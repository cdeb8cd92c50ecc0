using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Agents;

/// <summary>What a host saw of an agent that it runs.</summary>
public sealed record SeenAgent(Guid AgentId, AgentActivity Activity, string Host, int? MemoryMb, decimal? CpuPercent);

/// <summary>Takes in what hosts see of the agents that they run: as good as a heartbeat of their own.</summary>
public static class ObservedAgents
{
    /// <summary>Records that these were seen alive.</summary>
    public static async Task SeenAsync(UnitOfWork unit, IReadOnlyList<SeenAgent> agents, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            with before as (
                select a.id, a.activity, a.liveness, s.activity as seen, s.host, s.memory, s.cpu
                from agents a join unnest(@ids, @activities, @hosts, @memories, @cpus) as s(id, activity, host, memory, cpu) on s.id = a.id
                order by a.id for update of a)
            update agents a set activity = coalesce(b.activity, b.seen), host = b.host, memory_mb = coalesce(b.memory, a.memory_mb), cpu_percent = coalesce(b.cpu, a.cpu_percent),
                last_heartbeat_at = clock_timestamp(), liveness = 'live'
            from before b where a.id = b.id
            returning a.id, b.activity, b.liveness, b.seen
            """,
            ("ids", agents.Select(a => a.AgentId).ToArray()), ("activities", agents.Select(a => a.Activity.Wire()).ToArray()),
            ("hosts", agents.Select(a => a.Host).ToArray()), ("memories", agents.Select(a => a.MemoryMb).ToArray()), ("cpus", agents.Select(a => a.CpuPercent).ToArray()));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetGuid(0);
            if (reader.GetString(2) is var liveness && liveness != "live")
            {
                unit.Record("agent.live", ("agent", id.ToString()), new { AgentId = id, Before = liveness });
            }

            // What it says of itself stands: it knows better what it is doing.
            if (reader.IsDBNull(1))
            {
                unit.Record("agent.activity_changed", ("agent", id.ToString()), new { AgentId = id, Activity = reader.GetString(3) });
            }
        }
    }

    /// <summary>Records that an agent's process is gone. Its silence from here on is no alarm.</summary>
    public static async Task GoneAsync(UnitOfWork unit, Guid agent, CancellationToken cancellationToken)
    {
        if (await unit.ExecuteAsync(
            "update agents set activity = null, liveness = 'unknown', memory_mb = null, cpu_percent = null where id = @id and activity is not null",
            cancellationToken, ("id", agent)) > 0)
        {
            unit.Record("agent.activity_changed", ("agent", agent.ToString()), new { AgentId = agent, Activity = (string?)null });
        }
    }

    /// <summary>Records that commands to an agent were seen to have taken effect, which also says that it has them.</summary>
    public static async Task EffectiveAsync(UnitOfWork unit, Guid agent, Guid[] interventions, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            with before as (
                select id, acknowledged_at is null as unheard from interventions
                where id = any(@ids) and agent_id = @agent and effective_at is null order by id for update)
            update interventions i set effective_at = clock_timestamp(), acknowledged_at = coalesce(i.acknowledged_at, clock_timestamp())
            from before b where b.id = i.id
            returning i.id, i.kind, b.unheard
            """,
            ("ids", interventions), ("agent", agent));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var data = new { AgentId = agent, InterventionId = reader.GetGuid(0), Kind = reader.GetString(1) };
            if (reader.GetBoolean(2))
            {
                unit.Record("intervention.acknowledged", ("intervention", data.InterventionId.ToString()), data);
            }

            unit.Record("intervention.effective", ("intervention", data.InterventionId.ToString()), data);
        }
    }
}
