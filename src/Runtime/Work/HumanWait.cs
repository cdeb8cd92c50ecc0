using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>Parks a task while a human is asked, and wakes it when the answer is there.</summary>
public static class HumanWait
{
    /// <summary>The holder of the lease asks a human: the task waits, and keeps its lease.</summary>
    public static async Task<HeldTask> BeginAsync(UnitOfWork unit, LeaseProof proof, CancellationToken cancellationToken)
    {
        var held = await LeaseHolder.RequireAsync(unit, proof, cancellationToken);
        if (held.State == TaskState.WaitingHuman)
        {
            return held;
        }

        var next = TaskTransitions.Next(held.State, TaskTrigger.AskedHuman);
        await MoveAsync(unit, proof.TaskId, next, cancellationToken);
        unit.Record("task.waiting_human", ("task", proof.TaskId.ToString()), new { held.AgentId, proof.LeaseId }, held.TicketId, proof.TaskId);
        return held with { State = next };
    }

    /// <summary>The answer is there: the task runs on, unless its lease has been lost meanwhile or something else is still asked under it.</summary>
    public static async Task EndAsync(UnitOfWork unit, Guid task, Guid lease, bool stillAsking, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync("select 1 from leases where id = @lease for update", cancellationToken, ("lease", lease));
        await using (var command = unit.Command(
            "select ticket_id, agent_id from tasks where id = @task and lease_id = @lease and state = 'waiting_human' for update",
            ("task", task), ("lease", lease)))
        {
            Guid ticket, agent;
            await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
            {
                if (!await reader.ReadAsync(cancellationToken) || stillAsking)
                {
                    return;
                }

                (ticket, agent) = (reader.GetGuid(0), reader.GetGuid(1));
            }

            await MoveAsync(unit, task, TaskTransitions.Next(TaskState.WaitingHuman, TaskTrigger.Answered), cancellationToken);
            unit.Record("task.resumed", ("task", task.ToString()), new { AgentId = agent, LeaseId = lease }, ticket, task);
        }
    }

    private static Task MoveAsync(UnitOfWork unit, Guid task, TaskState state, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            "update tasks set state = @state, updated_at = clock_timestamp() where id = @id",
            cancellationToken, ("id", task), ("state", WireNames<TaskState>.ToWire(state)));
}
