using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Json;
using System.Text;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Work;

/// <summary>An agent saves where it is, for whoever goes on from there.</summary>
/// <param name="LeaseId">The lease under which.</param>
/// <param name="FencingToken">Its number.</param>
/// <param name="State">Any JSON, up to 256 KiB.</param>
public sealed record SaveCheckpointRequest(Guid LeaseId, long FencingToken, JsonElement State);

/// <summary>The checkpoint that was kept.</summary>
public sealed record SavedCheckpoint(Guid CheckpointId, Guid TaskId, int Attempt, int SizeBytes);

/// <summary>Keeps checkpoints: the newest of a task is handed over with its next claim.</summary>
public sealed class SaveCheckpoint(Transactions transactions, TimeProvider time)
{
    // Older ones only cost space: a takeover starts from the newest, and a reader wants the story of the last few.
    private const int KeptForEachTask = 20;

    /// <summary>Keeps a checkpoint.</summary>
    public Task<Outcome<SavedCheckpoint>> ExecuteAsync(
        Guid task, SaveCheckpointRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ActAsSelf);
        var state = request.State.GetRawText();
        var size = Encoding.UTF8.GetByteCount(state);
        new FieldErrors()
            .Add("state", size > Checkpoint.MaxBytes ? $"At the most {Checkpoint.MaxBytes} bytes; this has {size}." : JsonRules.Storable(request.State))
            .ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var held = await LeaseHolder.RequireAsync(unit, new LeaseProof(task, request.LeaseId, request.FencingToken), ct);
            var id = Uuid7.New(time);
            await using (var insert = unit.Command(
                "insert into checkpoints (id, task_id, lease_id, attempt, state, size_bytes) values (@id, @task, @lease, @attempt, @state, @size)",
                ("id", id), ("task", task), ("lease", request.LeaseId), ("attempt", held.Attempt), ("size", size)))
            {
                insert.Parameters.AddWithValue("state", NpgsqlDbType.Jsonb, state);
                await insert.ExecuteNonQueryAsync(ct);
            }

            var next = held.State == TaskState.Leased ? TaskTransitions.Next(held.State, TaskTrigger.Started) : held.State;
            await unit.ExecuteAsync(
                """
                update tasks set state = @state, checkpoint_id = @checkpoint, updated_at = clock_timestamp() where id = @task;
                delete from checkpoints where task_id = @task and id not in (
                    select id from checkpoints where task_id = @task order by created_at desc, id desc limit @kept)
                """,
                ct, ("task", task), ("checkpoint", id), ("state", WireNames<TaskState>.ToWire(next)), ("kept", KeptForEachTask));
            unit.Record("task.checkpoint", ("task", task.ToString()), new { held.AgentId, CheckpointId = id, SizeBytes = size, held.Attempt }, held.TicketId, task);
            return new SavedCheckpoint(id, task, held.Attempt, size);
        }, cancellationToken);
    }
}
