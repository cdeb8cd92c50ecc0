using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Costs;

/// <summary>
/// Says for whom and for what calls cost: the caller's key gives the agent, its live lease gives the task, ticket and project (CO-02).
/// An agent that the bus runs has its last words after its task is over: they belong to the task that it was started for. Agents' calls
/// are looked up many at once.
/// </summary>
public sealed class AttributeCall(NpgsqlDataSource database, EventLogSignal signal, TimeProvider time, ILogger<AttributeCall> logger)
    : GroupCommit<AttributeCall.Question, AttributeCall.Found>("call-attributions", database, signal, time, logger)
{
    // A second lease is enough to know that the call cannot be laid to one task.
    private const string HeldByAgents =
        """
        select q.place, a.host, a.surface, t.id, t.ticket_id, k.project, r.session_id
        from unnest($1, $2) with ordinality q (agent_id, task_id, place)
        join agents a on a.id = q.agent_id
        left join lateral (
            select task_id from leases where agent_id = a.id and ended_at is null and expires_at > clock_timestamp() and (q.task_id is null or task_id = q.task_id) limit 2
        ) l on true
        left join runtimes r on r.agent_id = a.id and r.phase <> 'ended'
        left join tasks t on t.id = coalesce(l.task_id, case when q.task_id is null then r.task_id end)
        left join tickets k on k.id = t.ticket_id
        """;

    private readonly NpgsqlDataSource _database = database;

    /// <summary>Finds out.</summary>
    /// <param name="caller">Whose key it was.</param>
    /// <param name="session">The conversation, as the client names it. One that the bus runs is known better than it can be named: its session is the runtime's.</param>
    /// <param name="task">The task that the client says it is for: an agent's own under a live lease; the founder's and services' any.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What could be attributed. An agent that holds several leases must name one: to guess would lay the cost to the wrong task.</returns>
    /// <exception cref="ForbiddenException">An agent named a task that it holds no live lease on.</exception>
    /// <exception cref="NotFoundException">There is no such task.</exception>
    public Task<Attribution> FindAsync(Caller caller, string? session, Guid? task, CancellationToken cancellationToken) =>
        caller.OnlyFor is { } agent ? OfAgentAsync(caller, agent, session, task, cancellationToken)
        : task is { } named ? OfTaskAsync(caller, session, named, cancellationToken)
        : Task.FromResult(new Attribution(caller.ActorId, SessionId: session));

    /// <inheritdoc />
    protected override bool WritesEvents => false;

    /// <inheritdoc />
    protected override async Task<bool> TryAtOnceAsync(NpgsqlConnection connection, IReadOnlyList<GroupMember<Question, Found>> group)
    {
        await FindAsync(connection, group, CancellationToken.None);
        return true;
    }

    /// <inheritdoc />
    protected override Task ExecuteAsync(
        NpgsqlConnection connection, IReadOnlyList<GroupMember<Question, Found>> group, List<EventDraft> events, CancellationToken cancellationToken) =>
        FindAsync(connection, group, cancellationToken);

    private static async Task FindAsync(NpgsqlConnection connection, IReadOnlyList<GroupMember<Question, Found>> group, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(HeldByAgents, connection)
        {
            Parameters =
            {
                new() { Value = group.Select(m => m.Request.AgentId).ToArray() },
                new() { Value = group.Select(m => m.Request.TaskId).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid },
            },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var member = group[(int)reader.GetInt64(0) - 1];
            var found = new Found(reader.TextOrNull(1), reader.TextOrNull(2), reader.ValueOrNull<Guid>(3), reader.ValueOrNull<Guid>(4), reader.TextOrNull(5), reader.ValueOrNull<Guid>(6));
            member.Result = member.Result is null ? found : found with { TaskId = null, TicketId = null, Project = null };
        }
    }

    private async Task<Attribution> OfAgentAsync(Caller caller, Guid agent, string? session, Guid? task, CancellationToken cancellationToken)
    {
        if ((await SubmitAsync(new Question(agent, task), null, cancellationToken)).Value is not { } found)
        {
            // Somebody who may act for no other, and is no agent: an observer, an operator.
            return task is null ? new Attribution(caller.ActorId, SessionId: session) : throw NotHeld(caller, task.Value);
        }

        return task is { } named && found.TaskId is null
            ? throw NotHeld(caller, named)
            : new Attribution(caller.ActorId, agent, found.SessionId?.ToString() ?? session, null, found.TaskId, found.TicketId, found.Project, found.Surface, found.Host);
    }

    private async Task<Attribution> OfTaskAsync(Caller caller, string? session, Guid task, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand("select t.ticket_id, k.project from tasks t join tickets k on k.id = t.ticket_id where t.id = @task");
        command.Parameters.AddWithValue("task", task);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new Attribution(caller.ActorId, null, session, null, task, reader.GetGuid(0), reader.TextOrNull(1))
            : throw new NotFoundException("task", task.ToString());
    }

    private static ForbiddenException NotHeld(Caller caller, Guid task) =>
        new($"'{caller.Name}' holds no live lease on task {task}, so it cannot have it charged. Leave the task out, or claim it first.");

    /// <summary>An agent that makes a call.</summary>
    /// <param name="AgentId">Which.</param>
    /// <param name="TaskId">The task that it says the call is for.</param>
    public sealed record Question(Guid AgentId, Guid? TaskId);

    /// <summary>Where an agent runs, in which session, and what it works at; no task where it holds several and names none.</summary>
    public sealed record Found(string? Host, string? Surface, Guid? TaskId, Guid? TicketId, string? Project, Guid? SessionId);
}
