using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Runtime.Execution;

/// <summary>What becomes of a session whose runtime has ended: over, to be gone on with, or to be asked about.</summary>
internal static class SessionEnds
{
    // A replacement of which no process was ever seen took nobody's place: the next one goes on from where its predecessor stopped.
    private const string GiveBack =
        """
        update sessions p set state = 'interrupted', ended_at = null
        from sessions s join tasks t on t.id = s.task_id and t.state not in ('completed', 'failed', 'cancelled')
        where s.id = @id and p.id = s.predecessor_id and p.state = 'ended'
          and not exists (select 1 from runtimes r where r.session_id = s.id and (r.observed_at is not null or r.phase <> 'ended' and r.id <> @runtime))
          and not exists (select 1 from sessions x where x.predecessor_id = p.id and x.id <> s.id and x.state <> 'ended')
        """;

    /// <param name="unit">The transaction in which the runtime ends.</param>
    /// <param name="runtime">The runtime.</param>
    /// <param name="task">Where its task stands, if it was taken back just now.</param>
    /// <param name="wasAsked">Somebody had it stopped: he knows, and is not asked.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task WithinAsync(UnitOfWork unit, HeldRuntime runtime, TaskState? task, bool wasAsked, CancellationToken cancellationToken)
    {
        if (!await IsUnfinishedAsync(unit, runtime, task, cancellationToken))
        {
            await unit.ExecuteAsync(
                "update sessions set state = 'ended', ended_at = clock_timestamp() where id = @id and state <> 'ended'", cancellationToken, ("id", runtime.SessionId));
            await unit.ExecuteAsync(GiveBack, cancellationToken, ("id", runtime.SessionId), ("runtime", runtime.Id));
            return;
        }

        var continuity = ContinuityRules.Of(await TracesAsync(unit, runtime, cancellationToken));
        var state = continuity.IsUncertain && !wasAsked ? SessionState.Uncertain : SessionState.Interrupted;
        await unit.ExecuteAsync(
            "update sessions set state = @state, continuity = @score, continuity_reasons = @reasons where id = @id",
            cancellationToken, ("id", runtime.SessionId), ("state", state.Wire()), ("score", continuity.Score), ("reasons", continuity.Reasons.ToArray()));
        unit.Record(
            state == SessionState.Uncertain ? "runtime.session_uncertain" : "runtime.session_interrupted", ("session", runtime.SessionId.ToString()),
            new { runtime.SessionId, RuntimeId = runtime.Id, runtime.AgentId, runtime.AgentName, Continuity = continuity.Score, continuity.Reasons },
            runtime.TicketId, runtime.TaskId);
    }

    /// <summary>Has another session take the place of one that cannot be resumed: its host is gone.</summary>
    public static async Task<Guid> ReplaceAsync(UnitOfWork unit, Guid runtime, Guid session, TimeProvider time, CancellationToken cancellationToken)
    {
        var id = Uuid7.New(time);
        await unit.ExecuteAsync(
            """
            insert into sessions (id, agent_id, definition_id, adapter, task_id, ticket_id, predecessor_id, state)
            select @id, agent_id, definition_id, adapter, task_id, ticket_id, id, 'active' from sessions where id = @session;
            update sessions set state = 'ended', ended_at = clock_timestamp() where id = @session;
            update runtimes set session_id = @id where id = @runtime
            """,
            cancellationToken, ("id", id), ("session", session), ("runtime", runtime));
        return id;
    }

    private static async Task<bool> IsUnfinishedAsync(UnitOfWork unit, HeldRuntime runtime, TaskState? task, CancellationToken cancellationToken)
    {
        if (runtime.TaskId is null || task == TaskState.Failed)
        {
            return false;
        }

        if (task is not null)
        {
            return true;
        }

        if (runtime.TaskLeaseId is not { } lease)
        {
            // It never came to its task: what it was to go on with is as it was.
            return runtime.NativeSessionId is not null;
        }

        // Its lease was gone before it: by time, or taken away, and not by its own hand.
        await using var command = unit.Command(
            """
            select l.end_reason in ('expired', 'revoked') and t.state not in ('completed', 'failed', 'cancelled')
            from leases l join tasks t on t.id = l.task_id where l.id = @lease
            """,
            ("lease", lease));
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private static async Task<SessionTraces> TracesAsync(UnitOfWork unit, HeldRuntime runtime, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select exists (select 1 from hosts h where h.id = s.host_id and h.state in ('online', 'draining') and h.removed_at is null),
                (select max(c.created_at) from checkpoints c where c.task_id = s.task_id),
                (select max(r.tool_at) from runtimes r where r.session_id = s.id)
            from sessions s where s.id = @id
            """,
            ("id", runtime.SessionId));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new SessionTraces(
            runtime.NativeSessionId is not null, reader.GetBoolean(0), reader.ValueOrNull<DateTimeOffset>(1), reader.ValueOrNull<DateTimeOffset>(2));
    }
}
