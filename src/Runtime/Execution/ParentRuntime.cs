using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Execution;

/// <summary>The runtime that another is started under, held until the transaction ends: its sub-agents are counted one request at a time.</summary>
internal sealed record ParentRuntime(Guid RuntimeId, Guid AgentId, string AgentName, int Depth, AgentDefinition Definition)
{
    /// <summary>The parent of what the caller asks for: itself if it is an agent, the one that is named otherwise; null for none.</summary>
    /// <exception cref="ForbiddenException">The caller may have nothing started, or not under that one.</exception>
    public static async Task<ParentRuntime?> OfAsync(UnitOfWork unit, Guid? named, CancellationToken cancellationToken)
    {
        var mayStartAny = PermissionMatrix.Allows(unit.Caller.Role, Permission.SpawnAgents);
        if (mayStartAny && named is null)
        {
            return null;
        }

        if (!mayStartAny && unit.Caller.Role != Role.AgentRuntime)
        {
            unit.Caller.Require(Permission.SpawnAgents);
        }

        var parent = await FindAsync(unit, named, mayStartAny ? null : unit.Caller.ActorId, cancellationToken)
            ?? throw (mayStartAny
                ? new NotFoundException("live runtime", named!.Value.ToString())
                : new ForbiddenException(named is null
                    ? $"'{unit.Caller.Name}' is run by no host of this bus, so nothing can be started under it."
                    : $"Runtime {named} is not a live one of '{unit.Caller.Name}': an agent has sub-agents started under itself only."));
        var children = await ChildrenAsync(unit, parent.RuntimeId, cancellationToken);
        return children < parent.Definition.Limits.FanOut
            ? parent
            : throw new ConflictException(
                ProblemTypes.NoInstanceFree, $"'{parent.AgentName}' has {children} sub-agents, and may have {parent.Definition.Limits.FanOut} at once.");
    }

    /// <summary>A sub-agent's definition within this one's limits.</summary>
    /// <exception cref="ForbiddenException">It would be more than this one.</exception>
    public AgentDefinition Narrow(AgentDefinition child) =>
        SubAgentRules.Widening(Definition, child) is { } problem ? throw new ForbiddenException(problem) : SubAgentRules.Narrow(Definition, child);

    private static async Task<ParentRuntime?> FindAsync(UnitOfWork unit, Guid? runtime, Guid? agent, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select r.id, r.agent_id, a.name, r.depth, r.definition::text
            from runtimes r join agents a on a.id = r.agent_id
            where r.phase in ('granted', 'observed', 'ready') and r.desired <> 'stop'
              and (@runtime::uuid is null or r.id = @runtime) and (@agent::uuid is null or r.agent_id = @agent)
            for no key update of r
            """);
        command.Parameters.Add(new NpgsqlParameter("runtime", NpgsqlDbType.Uuid) { Value = (object?)runtime ?? DBNull.Value });
        command.Parameters.Add(new NpgsqlParameter("agent", NpgsqlDbType.Uuid) { Value = (object?)agent ?? DBNull.Value });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new ParentRuntime(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.GetInt32(3),
                JsonSerializer.Deserialize<AgentDefinition>(reader.GetString(4), WireJson.Options)!)
            : null;
    }

    private static async Task<long> ChildrenAsync(UnitOfWork unit, Guid runtime, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select count(*) from runtimes where parent_id = @id and phase <> 'ended'", ("id", runtime));
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
