using System.Text.Json;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Work;

/// <summary>Hands one task to one agent, in the transaction in which it is started for it. Asked again by its holder, the same lease is the answer.</summary>
public sealed class ClaimNamedTask(TimeProvider time)
{
    /// <summary>Leases the task to the agent.</summary>
    /// <exception cref="ConflictException"><c>lease_lost</c>: another holds it, it has ended, it waits for something, or its budget is used up.</exception>
    public async Task<ClaimedWork> WithinAsync(UnitOfWork unit, Guid task, Guid agent, CancellationToken cancellationToken)
    {
        // The lease first, then the task: the order in which every write under a lease locks.
        await unit.ExecuteAsync("select 1 from leases where task_id = @task and ended_at is null for update", cancellationToken, ("task", task));
        var (state, ticket, mine) = await StandingAsync(unit, task, agent, cancellationToken);
        if (mine)
        {
            return await ReadAsync(unit, task, cancellationToken);
        }

        if (state != TaskState.Ready)
        {
            throw new ConflictException(ProblemTypes.LeaseLost, $"Task {task} is {state.Wire()} and not this agent's: there is nothing to start for.");
        }

        if (await IsWithheldAsync(unit, task, agent, cancellationToken) is { } why)
        {
            throw new ConflictException(ProblemTypes.LeaseLost, $"Task {task} is not handed out: {why}.");
        }

        var lease = Uuid7.New(time);
        await unit.ExecuteAsync(
            """
            with granted as (
                update tasks t set state = @state, lease_id = @lease, agent_id = @agent, percent = null,
                    fencing_token = t.fencing_token + 1, updated_at = clock_timestamp()
                where t.id = @task
                returning t.*)
            insert into leases (id, task_id, agent_id, attempt, fencing_token, granted_at, expires_at)
            select g.lease_id, g.id, g.agent_id, g.attempt, g.fencing_token, g.updated_at, g.updated_at + make_interval(secs => greatest(g.lease_seconds, @least)) from granted g;
            update tickets set state = 'in_progress', updated_at = clock_timestamp() where id = @ticket and state = 'open'
            """,
            cancellationToken, ("task", task), ("lease", lease), ("agent", agent), ("ticket", ticket), ("least", LeaseRenewals.LeastUnderHost),
            ("state", TaskTransitions.Next(state, TaskTrigger.Claimed).Wire()));
        var work = await ReadAsync(unit, task, cancellationToken);
        unit.Record(
            "task.claimed", ("task", task.ToString()), new { AgentId = agent, work.Lease.LeaseId, work.Lease.FencingToken }, ticket, task);
        return work;
    }

    private static async Task<(TaskState State, Guid Ticket, bool Mine)> StandingAsync(UnitOfWork unit, Guid task, Guid agent, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select t.state, t.ticket_id, exists (
                select 1 from leases l where l.id = t.lease_id and l.agent_id = @agent and l.ended_at is null and l.expires_at > clock_timestamp())
            from tasks t where t.id = @task for update of t
            """,
            ("task", task), ("agent", agent));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (WireNames<TaskState>.Parse(reader.GetString(0)), reader.GetGuid(1), reader.GetBoolean(2))
            : throw new NotFoundException("task", task.ToString());
    }

    private static async Task<string?> IsWithheldAsync(UnitOfWork unit, Guid task, Guid agent, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            $"""
            select case
                when exists (select 1 from budgets_exhausted x where x.scope = 'global' or (x.scope = 'agent' and x.scope_id = @agent::text)
                    or {WithheldWork.Withholds}) then 'a budget is used up'
                when exists (select 1 from sessions s where s.task_id = tasks.id and s.state = 'uncertain') then 'a human is to decide how it goes on'
                end
            from tasks where tasks.id = @task
            """,
            ("task", task), ("agent", agent));
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }

    private static async Task<ClaimedWork> ReadAsync(UnitOfWork unit, Guid task, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select t.ticket_id, k.number, t.title, t.instructions, s.capabilities, t.priority, t.state, t.attempt, t.max_attempts, t.lease_seconds,
                c.state::text, c.created_at, l.id, l.fencing_token, l.expires_at
            from tasks t
            join leases l on l.id = t.lease_id
            join tickets k on k.id = t.ticket_id
            join capability_sets s on s.id = t.capability_set_id
            left join checkpoints c on c.id = t.checkpoint_id
            where t.id = @task
            """,
            ("task", task));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new ClaimedWork(ReadTask(task, reader), new GrantedLease(reader.GetGuid(12), reader.GetInt64(13), reader.GetFieldValue<DateTimeOffset>(14)));
    }

    private static ClaimedTask ReadTask(Guid task, NpgsqlDataReader reader) => new(
        task, reader.GetGuid(0), Ticket.KeyOf(reader.GetInt64(1)), reader.GetString(2), reader.TextOrNull(3), reader.GetFieldValue<string[]>(4),
        reader.GetInt16(5), WireNames<TaskState>.Parse(reader.GetString(6)), reader.GetInt32(7), reader.GetInt32(8), reader.GetInt32(9),
        reader.IsDBNull(10) ? null : JsonElement.Parse(reader.GetString(10)), reader.ValueOrNull<DateTimeOffset>(11));
}
