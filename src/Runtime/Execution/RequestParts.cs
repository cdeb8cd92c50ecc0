using System.Text.Json;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution;

/// <summary>The definition that is asked for, held until the transaction ends: its agents are given out one request at a time.</summary>
internal sealed record HeldDefinition(Guid Id, int Version, AgentDefinition Body)
{
    /// <exception cref="NotFoundException">There is none.</exception>
    public static async Task<HeldDefinition> OfAsync(UnitOfWork unit, string name, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select id, version, body::text from agent_definitions where name = @name and removed_at is null for no key update", ("name", name));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new HeldDefinition(reader.GetGuid(0), reader.GetInt32(1), JsonSerializer.Deserialize<AgentDefinition>(reader.GetString(2), WireJson.Options)!)
            : throw new NotFoundException("agent definition", name);
    }
}

/// <summary>The task that a runtime is asked for.</summary>
internal sealed record WantedTask(Guid TaskId, Guid TicketId, int Priority, string[] Required)
{
    /// <exception cref="NotFoundException">There is none.</exception>
    /// <exception cref="ConflictException"><c>invalid_transition</c>: it is not ready, or waits for a human's decision on how to go on.</exception>
    public static async Task<WantedTask> OfAsync(UnitOfWork unit, Guid task, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select t.ticket_id, t.priority, t.state, exists (select 1 from sessions s where s.task_id = t.id and s.state = 'uncertain'), c.capabilities
            from tasks t join capability_sets c on c.id = t.capability_set_id where t.id = @id
            """,
            ("id", task));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            throw new NotFoundException("task", task.ToString());
        }

        return reader.GetString(2) != "ready"
            ? throw new ConflictException(ProblemTypes.InvalidTransition, $"Task {task} is {reader.GetString(2)}; an agent is started for one that is ready.")
            : reader.GetBoolean(3)
                ? throw new ConflictException(ProblemTypes.InvalidTransition, $"Task {task} was interrupted, and whether it can go on is asked of a human: decide that escalation first.")
                : new WantedTask(task, reader.GetGuid(0), reader.GetInt16(1), reader.GetFieldValue<string[]>(4));
    }
}

/// <summary>The session that a task was interrupted in.</summary>
/// <param name="SessionId">Which.</param>
/// <param name="AgentId">Whose.</param>
/// <param name="CanBeTakenUp">Its own program can resume it, by the same definition and on a host that reports; otherwise another takes its place.</param>
internal sealed record PriorSession(Guid SessionId, Guid AgentId, bool CanBeTakenUp)
{
    public static async Task<PriorSession?> OfAsync(UnitOfWork unit, Guid task, Guid definition, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select s.id, s.agent_id, s.definition_id = @definition and s.native_session_id is not null and h.state is not null and h.state = 'online'
            from sessions s left join hosts h on h.id = s.host_id
            where s.task_id = @task and s.state = 'interrupted'
            order by s.created_at desc, s.id desc limit 1
            for no key update of s
            """,
            ("task", task), ("definition", definition));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? new PriorSession(reader.GetGuid(0), reader.GetGuid(1), reader.GetBoolean(2)) : null;
    }
}
