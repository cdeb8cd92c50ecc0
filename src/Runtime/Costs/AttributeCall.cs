using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>Says for whom and for what a call costs: the caller's key gives the agent, its live lease gives the task, ticket and project (CO-02).</summary>
public sealed class AttributeCall(NpgsqlDataSource database)
{
    // A second lease is enough to know that the call cannot be laid to one task.
    private const string HeldByAgent =
        """
        select a.host, a.surface, l.task_id, t.ticket_id, k.project
        from agents a
        left join lateral (
            select task_id from leases where agent_id = a.id and ended_at is null and expires_at > clock_timestamp() and (@task::uuid is null or task_id = @task) limit 2
        ) l on true
        left join tasks t on t.id = l.task_id
        left join tickets k on k.id = t.ticket_id
        where a.id = @agent
        """;

    /// <summary>Finds out.</summary>
    /// <param name="caller">Whose key it was.</param>
    /// <param name="session">The conversation, as the client names it.</param>
    /// <param name="task">The task that the client says it is for: an agent's own under a live lease; the founder's and services' any.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What could be attributed. An agent that holds several leases must name one: to guess would lay the cost to the wrong task.</returns>
    /// <exception cref="ForbiddenException">An agent named a task that it holds no live lease on.</exception>
    /// <exception cref="NotFoundException">There is no such task.</exception>
    public Task<Attribution> FindAsync(Caller caller, string? session, Guid? task, CancellationToken cancellationToken) =>
        caller.OnlyFor is { } agent ? OfAgentAsync(caller, agent, session, task, cancellationToken)
        : task is { } named ? OfTaskAsync(caller, session, named, cancellationToken)
        : Task.FromResult(new Attribution(caller.ActorId, SessionId: session));

    private async Task<Attribution> OfAgentAsync(Caller caller, Guid agent, string? session, Guid? task, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(HeldByAgent);
        command.Parameters.AddWithValue("agent", agent);
        command.Parameters.AddWithValue("task", NpgsqlTypes.NpgsqlDbType.Uuid, (object?)task ?? DBNull.Value);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            // Somebody who may act for no other, and is no agent: an observer, an operator.
            return task is null ? new Attribution(caller.ActorId, SessionId: session) : throw NotHeld(caller, task.Value);
        }

        var found = new Attribution(
            caller.ActorId, agent, session, null, reader.ValueOrNull<Guid>(2), reader.ValueOrNull<Guid>(3), reader.TextOrNull(4), reader.TextOrNull(1), reader.TextOrNull(0));
        if (task is { } named && found.TaskId is null)
        {
            throw NotHeld(caller, named);
        }

        return task is null && await reader.ReadAsync(cancellationToken) ? found with { TaskId = null, TicketId = null, Project = null } : found;
    }

    private async Task<Attribution> OfTaskAsync(Caller caller, string? session, Guid task, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select t.ticket_id, k.project from tasks t join tickets k on k.id = t.ticket_id where t.id = @task");
        command.Parameters.AddWithValue("task", task);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new Attribution(caller.ActorId, null, session, null, task, reader.GetGuid(0), reader.TextOrNull(1))
            : throw new NotFoundException("task", task.ToString());
    }

    private static ForbiddenException NotHeld(Caller caller, Guid task) =>
        new($"'{caller.Name}' holds no live lease on task {task}, so it cannot have it charged. Leave the task out, or claim it first.");
}
