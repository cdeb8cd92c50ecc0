using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Execution;

/// <summary>A wish for an agent to be started.</summary>
/// <param name="Definition">By which definition.</param>
/// <param name="TaskId">For which task, which must be ready; none for an agent that claims or waits by itself.</param>
/// <param name="Message">What it is told first.</param>
/// <param name="Priority">0 to 4; the task's own unless said.</param>
/// <param name="Parent">The runtime that it is a sub-agent of. An agent that asks is the parent itself.</param>
public sealed record RequestRuntimeRequest(string Definition, Guid? TaskId = null, string? Message = null, int? Priority = null, Guid? Parent = null);

/// <summary>The runtime, which waits for a slot.</summary>
public sealed record RequestedRuntime(
    Guid RuntimeId, Guid AgentId, string AgentName, Guid SessionId, bool TakesUpSession, RuntimePhase Phase, Guid? TaskId, Guid? ParentId, int Depth, int Priority,
    DateTimeOffset RequestedAt);

/// <summary>Asks for a runtime: finds or makes its agent, takes up or makes its session, and puts it in the queue (CB-07, AR-08).</summary>
public sealed class RequestRuntime(Transactions transactions, TimeProvider time)
{
    /// <summary>Asks for a runtime.</summary>
    /// <exception cref="NotFoundException">There is no such definition, task or parent.</exception>
    /// <exception cref="ForbiddenException">The caller may not, or the sub-agent would be more than its parent.</exception>
    /// <exception cref="ConflictException"><c>no_instance_free</c>, or <c>invalid_transition</c>: the task is not to be had.</exception>
    public Task<Outcome<RequestedRuntime>> ExecuteAsync(
        RequestRuntimeRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken) =>
        transactions.RunAsync(caller, idempotency, (unit, ct) => WithinAsync(unit, request, null, ct), cancellationToken);

    /// <summary>Asks for a runtime in a transaction that does more.</summary>
    /// <param name="unit">The transaction, on behalf of who asks.</param>
    /// <param name="request">The wish.</param>
    /// <param name="reason">Why, for the story.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<RequestedRuntime> WithinAsync(UnitOfWork unit, RequestRuntimeRequest request, string? reason, CancellationToken cancellationToken)
    {
        new FieldErrors()
            .Add("definition", TextRules.Name(request.Definition))
            .Add("message", TextRules.OptionalLongText(request.Message))
            .Add("priority", Priority.Problem(request.Priority))
            .ThrowIfAny();
        var parent = await ParentRuntime.OfAsync(unit, request.Parent, cancellationToken);
        var definition = await HeldDefinition.OfAsync(unit, request.Definition, cancellationToken);
        var body = parent is null ? definition.Body : parent.Narrow(definition.Body);
        var task = request.TaskId is { } id ? await WantedTask.OfAsync(unit, id, cancellationToken) : null;
        if (parent is not null && task?.Required.Except(body.Capabilities, StringComparer.Ordinal).ToList() is { Count: > 0 } missing)
        {
            throw new ForbiddenException($"Task {task.TaskId} requires {string.Join(", ", missing)}, which '{body.Name}' cannot: a sub-agent is given nothing that it could not claim.");
        }

        var before = task is null ? null : await PriorSession.OfAsync(unit, task.TaskId, definition.Id, cancellationToken);
        var agent = await new ChooseAgent(unit, time).ExecuteAsync(definition, body, parent, before?.AgentId, cancellationToken);
        var session = await OpenSessionAsync(unit, definition, body, agent.Id, task, before, cancellationToken);
        return await AddAsync(unit, new Wanted(request, reason, parent, definition, body, agent, task, session, before is { CanBeTakenUp: true }), cancellationToken);
    }

    private async Task<Guid> OpenSessionAsync(
        UnitOfWork unit, HeldDefinition definition, AgentDefinition body, Guid agent, WantedTask? task, PriorSession? before, CancellationToken cancellationToken)
    {
        if (before is { CanBeTakenUp: true })
        {
            await unit.ExecuteAsync(
                "update sessions set state = 'active', agent_id = @agent, ended_at = null where id = @id", cancellationToken, ("id", before.SessionId), ("agent", agent));
            return before.SessionId;
        }

        var id = Uuid7.New(time);
        await using (var insert = unit.Command(
            """
            insert into sessions (id, agent_id, definition_id, adapter, task_id, ticket_id, predecessor_id, state)
            values (@id, @agent, @definition, @adapter, @task, @ticket, @before, 'active')
            """,
            ("id", id), ("agent", agent), ("definition", definition.Id), ("adapter", body.Adapter)))
        {
            AddIds(insert, ("task", task?.TaskId), ("ticket", task?.TicketId), ("before", before?.SessionId));
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }

        if (before is not null)
        {
            await unit.ExecuteAsync(
                "update sessions set state = 'ended', ended_at = coalesce(ended_at, clock_timestamp()) where id = @id", cancellationToken, ("id", before.SessionId));
        }

        return id;
    }

    private async Task<RequestedRuntime> AddAsync(UnitOfWork unit, Wanted wanted, CancellationToken cancellationToken)
    {
        var id = Uuid7.New(time);
        var priority = wanted.Request.Priority ?? wanted.Task?.Priority ?? Priority.Default;
        var depth = wanted.Parent is { } above ? above.Depth + 1 : 0;
        await using var insert = unit.Command(
            """
            insert into runtimes (id, agent_id, definition_id, definition_version, definition, adapter, session_id, task_id, ticket_id, parent_id, depth,
                priority, message, reason, requested_by, phase, waits_for)
            values (@id, @agent, @definition, @version, @body::jsonb, @adapter, @session, @task, @ticket, @parent, @depth,
                @priority, @message, @reason, @actor, 'requested', 'a slot')
            returning requested_at
            """,
            ("id", id), ("agent", wanted.Agent.Id), ("definition", wanted.Definition.Id), ("version", wanted.Definition.Version),
            ("body", JsonSerializer.Serialize(wanted.Body, WireJson.Options)), ("adapter", wanted.Body.Adapter), ("session", wanted.Session), ("depth", depth),
            ("priority", (short)priority), ("message", wanted.Request.Message), ("reason", wanted.Reason), ("actor", unit.Caller.ActorId));
        AddIds(insert, ("task", wanted.Task?.TaskId), ("ticket", wanted.Task?.TicketId), ("parent", wanted.Parent?.RuntimeId));
        DateTimeOffset at;
        try
        {
            at = new DateTimeOffset((DateTime)(await insert.ExecuteScalarAsync(cancellationToken))!, TimeSpan.Zero);
        }
        catch (PostgresException fault) when (fault is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "runtimes_one_a_task" })
        {
            throw new ConflictException(ProblemTypes.InvalidTransition, $"A runtime for task {wanted.Task!.TaskId} waits or runs already.");
        }

        unit.Record(
            "runtime.requested", ("runtime", id.ToString()),
            new
            {
                RuntimeId = id, AgentId = wanted.Agent.Id, AgentName = wanted.Agent.Name, Definition = wanted.Body.Name, wanted.Body.Adapter, SessionId = wanted.Session,
                wanted.TakesUp, ParentId = wanted.Parent?.RuntimeId, Depth = depth, Priority = priority, wanted.Reason,
            },
            wanted.Task?.TicketId, wanted.Task?.TaskId);
        return new RequestedRuntime(
            id, wanted.Agent.Id, wanted.Agent.Name, wanted.Session, wanted.TakesUp, RuntimePhase.Requested, wanted.Task?.TaskId, wanted.Parent?.RuntimeId, depth, priority, at);
    }

    private static void AddIds(NpgsqlCommand command, params ReadOnlySpan<(string Name, Guid? Id)> ids)
    {
        foreach (var (name, id) in ids)
        {
            command.Parameters.Add(new NpgsqlParameter(name, NpgsqlDbType.Uuid) { Value = (object?)id ?? DBNull.Value });
        }
    }

    private sealed record Wanted(
        RequestRuntimeRequest Request, string? Reason, ParentRuntime? Parent, HeldDefinition Definition, AgentDefinition Body, ChosenAgent Agent, WantedTask? Task,
        Guid Session, bool TakesUp);
}
