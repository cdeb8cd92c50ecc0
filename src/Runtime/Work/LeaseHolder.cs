using ControlCenter.Domain.Text;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;
using Npgsql;

namespace ControlCenter.Runtime.Work;

/// <summary>What every write under a lease carries (bus-api.md, Work).</summary>
/// <param name="TaskId">The task that is written to.</param>
/// <param name="LeaseId">The lease under which.</param>
/// <param name="FencingToken">Its number, which must be the task's current one.</param>
public sealed record LeaseProof(Guid TaskId, Guid LeaseId, long FencingToken);

/// <summary>A task as its lease holder found it, locked until the transaction ends.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="TicketId">Its ticket.</param>
/// <param name="AgentId">Who holds it.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Attempt">The attempt under way.</param>
/// <param name="MaxAttempts">How many there may be.</param>
public sealed record HeldTask(Guid TaskId, Guid TicketId, Guid AgentId, TaskState State, int Attempt, int MaxAttempts);

/// <summary>Lets a write pass only if its lease is the one in force; everything else is refused before anything is changed (OR-07).</summary>
public static class LeaseHolder
{
    /// <summary>Locks the task for its holder.</summary>
    /// <exception cref="NotFoundException">There is no such task.</exception>
    /// <exception cref="ForbiddenException">The lease belongs to another agent.</exception>
    /// <exception cref="ConflictException"><c>lease_lost</c>: expired, ended, or overtaken by a newer token.</exception>
    public static async Task<HeldTask> RequireAsync(UnitOfWork unit, LeaseProof proof, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select t.ticket_id, l.agent_id, t.state, t.attempt, t.max_attempts
            from leases l join tasks t on t.id = l.task_id
            where l.id = @lease and l.task_id = @task and l.fencing_token = @token
              and l.ended_at is null and l.expires_at > clock_timestamp()
            for update
            """,
            ("lease", proof.LeaseId), ("task", proof.TaskId), ("token", proof.FencingToken));
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            if (await reader.ReadAsync(cancellationToken))
            {
                var held = new HeldTask(
                    proof.TaskId, reader.GetGuid(0), reader.GetGuid(1),
                    WireNames<TaskState>.Parse(reader.GetString(2)), reader.GetInt32(3), reader.GetInt32(4));
                unit.Caller.RequireSelfOrAny(held.AgentId);
                return held;
            }
        }

        throw await ExplainLossAsync(unit.Connection, unit.Caller, proof, cancellationToken);
    }

    /// <summary>Why a write under this lease is refused, for the one who tried.</summary>
    public static async Task<DomainException> ExplainLossAsync(
        NpgsqlConnection connection, Caller caller, LeaseProof proof, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select t.state, t.fencing_token, mine.agent_id, mine.fencing_token, mine.ended_at is not null, mine.end_reason, now_held.agent_id, a.name
            from tasks t
            left join leases mine on mine.id = @lease and mine.task_id = t.id
            left join leases now_held on now_held.task_id = t.id and now_held.ended_at is null and now_held.expires_at > clock_timestamp()
            left join agents a on a.id = now_held.agent_id
            where t.id = @task
            """,
            connection);
        command.Parameters.AddWithValue("lease", proof.LeaseId);
        command.Parameters.AddWithValue("task", proof.TaskId);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return new NotFoundException("task", proof.TaskId.ToString());
        }

        if (!reader.IsDBNull(2) && !caller.MayActAs(reader.GetGuid(2)))
        {
            return new ForbiddenException($"Lease {proof.LeaseId} belongs to another agent.");
        }

        var why = reader.IsDBNull(2) ? $"there is no lease {proof.LeaseId} on this task"
            : reader.GetInt64(3) != proof.FencingToken ? $"its fencing token is {reader.GetInt64(3)}, not {proof.FencingToken}"
            : reader.GetBoolean(4) ? $"it has ended ({reader.GetString(5)})"
            : "it has expired";
        var holder = reader.IsDBNull(6) ? "nobody holds the task now" : $"agent '{reader.GetString(7)}' holds the task now";
        return new ConflictException(
            ProblemTypes.LeaseLost,
            $"Nothing was written under lease {proof.LeaseId}: {why}; {holder}. The task is {reader.GetString(0)} at token {reader.GetInt64(1)}. Claim again for more work.");
    }
}
