using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.Commands;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Execution;

/// <summary>The agent that a runtime is one of.</summary>
internal readonly record struct ChosenAgent(Guid Id, string Name);

/// <summary>Finds an agent of a definition that is free, or makes one: one live runtime an agent. The definition is held meanwhile.</summary>
internal sealed class ChooseAgent(UnitOfWork unit, TimeProvider time)
{
    /// <summary>Finds or makes the agent.</summary>
    /// <param name="definition">The definition.</param>
    /// <param name="body">What it comes to here.</param>
    /// <param name="parent">Whose sub-agent it is.</param>
    /// <param name="preferred">Who had the session that is gone on with.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ConflictException"><c>no_instance_free</c>.</exception>
    public async Task<ChosenAgent> ExecuteAsync(
        HeldDefinition definition, AgentDefinition body, ParentRuntime? parent, Guid? preferred, CancellationToken cancellationToken)
    {
        var agents = await AgentsAsync(definition.Id, parent?.AgentId, cancellationToken);
        var live = await LiveAsync(definition.Id, cancellationToken);
        if (live >= definition.Body.Instances)
        {
            throw new ConflictException(
                ProblemTypes.NoInstanceFree, $"Of '{body.Name}' {live} wait or run, and its definition allows {definition.Body.Instances} at once.");
        }

        string[] capabilities = [.. body.Capabilities];
        var free = agents.Where(a => !a.IsLive && !a.IsHeld).OrderByDescending(a => a.Id == preferred).ThenBy(a => a.Ordinal).FirstOrDefault();
        if (free is not null)
        {
            await DefinedAgents.RefreshAsync(unit, free.Id, body.Adapter, capabilities, cancellationToken);
            return new ChosenAgent(free.Id, free.Name);
        }

        if (agents.Count >= definition.Body.Instances)
        {
            throw new ConflictException(
                ProblemTypes.NoInstanceFree, $"All agents of '{body.Name}' that do not run are paused or were stopped: {string.Join(", ", agents.Where(a => a.IsHeld).Select(a => a.Name))}. Resume one.");
        }

        return await MakeAsync(definition, body, parent, agents.Count == 0 ? 1 : agents.Max(a => a.Ordinal) + 1, cancellationToken);
    }

    private async Task<ChosenAgent> MakeAsync(HeldDefinition definition, AgentDefinition body, ParentRuntime? parent, int ordinal, CancellationToken cancellationToken)
    {
        var id = Uuid7.New(time);
        var name = await NameAsync(parent is null ? body.Name : $"{parent.AgentName}/{body.Name}", ordinal, cancellationToken);
        await DefinedAgents.AddAsync(unit, id, name, body.Adapter, [.. body.Capabilities], cancellationToken);
        await using var insert = unit.Command(
            "insert into definition_agents (agent_id, definition_id, parent_agent_id, ordinal) values (@agent, @definition, @parent, @ordinal)",
            ("agent", id), ("definition", definition.Id), ("ordinal", ordinal));
        insert.Parameters.Add(Id("parent", parent?.AgentId));
        await insert.ExecuteNonQueryAsync(cancellationToken);
        return new ChosenAgent(id, name);
    }

    // Somebody else may be called so: a registered agent, a service.
    private async Task<string> NameAsync(string stem, int ordinal, CancellationToken cancellationToken)
    {
        for (var number = ordinal; ; number++)
        {
            var name = number == 1 ? stem : $"{stem}-{number}";
            if (name.Length > TextRules.LongestName)
            {
                name = $"{name[..(TextRules.LongestName - 33)]}-{Uuid7.New(time):N}";
            }

            await using var command = unit.Command("select exists (select 1 from actors where name = @name)", ("name", name));
            if (!(bool)(await command.ExecuteScalarAsync(cancellationToken))!)
            {
                return name;
            }
        }
    }

    private async Task<long> LiveAsync(Guid definition, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select count(*) from definition_agents x join runtimes r on r.agent_id = x.agent_id and r.phase <> 'ended' where x.definition_id = @definition",
            ("definition", definition));
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task<List<Row>> AgentsAsync(Guid definition, Guid? parent, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            $"""
            select a.id, a.name, x.ordinal, exists (select 1 from runtimes r where r.agent_id = a.id and r.phase <> 'ended'), {DefinedAgents.IsHeld}
            from definition_agents x join agents a on a.id = x.agent_id
            where x.definition_id = @definition and x.parent_agent_id is not distinct from @parent
            """,
            ("definition", definition));
        command.Parameters.Add(Id("parent", parent));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<Row>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(new Row(reader.GetGuid(0), reader.GetString(1), reader.GetInt32(2), reader.GetBoolean(3), reader.GetBoolean(4)));
        }

        return rows;
    }

    private static NpgsqlParameter Id(string name, Guid? id) => new(name, NpgsqlDbType.Uuid) { Value = (object?)id ?? DBNull.Value };

    private sealed record Row(Guid Id, string Name, int Ordinal, bool IsLive, bool IsHeld);
}
