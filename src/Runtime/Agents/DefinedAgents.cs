using ControlCenter.Domain.Access;
using ControlCenter.Domain.Agents;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Agents;

/// <summary>Agents that are made by a definition, when they are first needed, in the transaction of what needs them. They get their keys with each start.</summary>
public static class DefinedAgents
{
    /// <summary>In SQL, whether an agent a is not to be started: paused, or told to stop and not to resume since.</summary>
    public const string IsHeld =
        """
        (a.paused or exists (
            select 1 from interventions s where s.agent_id = a.id and s.kind = 'stop' and not exists (
                select 1 from interventions r where r.agent_id = a.id and r.kind = 'resume' and r.requested_at > s.requested_at)))
        """;

    /// <summary>Adds an agent.</summary>
    public static async Task AddAsync(UnitOfWork unit, Guid id, string name, string kind, string[] capabilities, CancellationToken cancellationToken)
    {
        await AddActor.ExecuteAsync(unit, id, name, Role.AgentRuntime, cancellationToken);
        await InsertAsync(unit, new Agent { Id = id, Name = name, Kind = kind, Capabilities = capabilities }, cancellationToken);
    }

    /// <summary>Has an agent be what its definition says by now.</summary>
    public static Task RefreshAsync(UnitOfWork unit, Guid id, string kind, string[] capabilities, CancellationToken cancellationToken) => unit.ExecuteAsync(
        "update agents set kind = @kind, capabilities = @capabilities where id = @id and (kind, capabilities) is distinct from (@kind, @capabilities)",
        cancellationToken, ("id", id), ("kind", kind), ("capabilities", capabilities));

    /// <summary>Adds the agent of an actor that is there.</summary>
    internal static async Task InsertAsync(UnitOfWork unit, Agent agent, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync(
            """
            insert into agents (id, name, kind, capabilities, host, surface, liveness, paused)
            values (@id, @name, @kind, @capabilities, @host, @surface, 'unknown', false)
            """,
            cancellationToken,
            ("id", agent.Id), ("name", agent.Name), ("kind", agent.Kind), ("capabilities", agent.Capabilities), ("host", agent.Host), ("surface", agent.Surface));
        unit.Record("agent.registered", ("agent", agent.Id.ToString()), new { AgentId = agent.Id, agent.Name, agent.Kind, agent.Capabilities });
    }
}
