using ControlCenter.Domain.Json;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Work;

/// <summary>An agent hands in its work.</summary>
/// <param name="LeaseId">The lease under which.</param>
/// <param name="FencingToken">Its number.</param>
/// <param name="Result">Any JSON.</param>
public sealed record CompleteTaskRequest(Guid LeaseId, long FencingToken, JsonElement? Result = null);

/// <summary>A task after a write under its lease.</summary>
public sealed record TaskStanding(Guid TaskId, TaskState State, int Attempt);

/// <summary>Takes in finished work: many agents' in one commit, each only under the lease in force.</summary>
public sealed class CompleteTask(NpgsqlDataSource database, EventLogSignal signal, TimeProvider time, ILogger<CompleteTask> logger)
    : GroupCommit<CompleteTask.HandIn, TaskStanding>("task-completions", database, signal, time, logger)
{
    /// <summary>Completes a task.</summary>
    /// <exception cref="ConflictException"><c>lease_lost</c>; nothing was written.</exception>
    public Task<Outcome<TaskStanding>> ExecuteAsync(
        Guid task, CompleteTaskRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ActAsSelf);
        new FieldErrors().Add("result", JsonRules.Storable(request.Result)).ThrowIfAny();
        return SubmitAsync(
            new HandIn(new LeaseProof(task, request.LeaseId, request.FencingToken), request.Result?.GetRawText(), caller, UnitOfWork.CurrentCorrelation),
            idempotency, cancellationToken);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(
        NpgsqlConnection connection, IReadOnlyList<GroupMember<HandIn, TaskStanding>> group, List<EventDraft> events, CancellationToken cancellationToken)
    {
        // The same lease twice in one group: the first is the completion, the other finds it gone, as it would a moment later.
        var first = group.DistinctBy(m => m.Request.Proof.LeaseId).ToList();
        var (completed, waiting) = await CompleteAsync(connection, first, cancellationToken);
        foreach (var member in group)
        {
            if (!completed.ContainsKey(member.Request.Proof.LeaseId) || !first.Contains(member))
            {
                member.Problem = await LeaseHolder.ExplainLossAsync(connection, member.Request.Caller, member.Request.Proof, cancellationToken);
            }
        }

        foreach (var member in first.Where(m => m.Problem is null))
        {
            var request = member.Request;
            var done = completed[request.Proof.LeaseId];
            member.Result = new TaskStanding(request.Proof.TaskId, TaskState.Completed, done.Attempt);
            events.Add(new EventDraft(
                request.Caller.ActorId, "task.completed", "task", request.Proof.TaskId.ToString(), done.TicketId, request.Proof.TaskId,
                $$"""{"agent_id":"{{done.AgentId}}","lease_id":"{{request.Proof.LeaseId}}","fencing_token":{{request.Proof.FencingToken}},"attempt":{{done.Attempt}}}""",
                request.CorrelationId));
        }

        events.AddRange(await Dependents.MakeReadyAsync(connection, waiting, null, cancellationToken));
    }

    private static async Task<(Dictionary<Guid, Done> Completed, Guid[] Waiting)> CompleteAsync(
        NpgsqlConnection connection, List<GroupMember<HandIn, TaskStanding>> group, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                // Whether a lease is held is asked by its reason to end and not by its time, which would have the planner read
                // the index of the leases in force: small as it seems, it is full of those that have just ended.
                new NpgsqlBatchCommand(
                    """
                    with ended as (
                        update leases l set ended_at = clock_timestamp(), end_reason = 'completed'
                        from unnest($1, $2, $3, $4, $5) as h(lease_id, task_id, token, result, agent_id)
                        where l.id = h.lease_id and l.task_id = h.task_id and l.fencing_token = h.token
                          and (h.agent_id is null or l.agent_id = h.agent_id)
                          and l.end_reason is null and l.expires_at > clock_timestamp()
                        returning l.id, l.task_id, h.result)
                    update tasks t set state = 'completed', lease_id = null, percent = 100, result = e.result,
                        error = null, updated_at = clock_timestamp(), ended_at = clock_timestamp()
                    from ended e where t.id = e.task_id
                    returning e.id, t.ticket_id, t.agent_id, t.attempt
                    """)
                {
                    Parameters =
                    {
                        new() { Value = group.Select(m => m.Request.Proof.LeaseId).ToArray() },
                        new() { Value = group.Select(m => m.Request.Proof.TaskId).ToArray() },
                        new() { Value = group.Select(m => m.Request.Proof.FencingToken).ToArray() },
                        new() { Value = group.Select(m => m.Request.Result).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb },
                        new() { Value = group.Select(m => m.Request.Caller.OnlyFor).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid },
                    },
                },
                new NpgsqlBatchCommand(Dependents.LockStatement)
                {
                    Parameters = { new() { Value = group.Select(m => m.Request.Proof.TaskId).ToArray() } },
                },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var completed = new Dictionary<Guid, Done>();
        while (await reader.ReadAsync(cancellationToken))
        {
            completed[reader.GetGuid(0)] = new Done(reader.GetGuid(1), reader.GetGuid(2), reader.GetInt32(3));
        }

        await reader.NextResultAsync(cancellationToken);
        var waiting = new List<Guid>();
        while (await reader.ReadAsync(cancellationToken))
        {
            waiting.Add(reader.GetGuid(0));
        }

        return (completed, waiting.ToArray());
    }

    /// <summary>One agent's finished work.</summary>
    public sealed record HandIn(LeaseProof Proof, string? Result, Caller Caller, Guid? CorrelationId);

    private sealed record Done(Guid TicketId, Guid AgentId, int Attempt);
}
