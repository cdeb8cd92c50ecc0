using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>Writes down how a restore goes.</summary>
public sealed class RestoreRows(NpgsqlDataSource database, Transactions transactions)
{
    // What a person reads of one; the job's log has every line.
    private const int MostSteps = 200;

    /// <summary>It begins, or begins anew after its host has gone.</summary>
    /// <returns>The moment; null where it is over, or not to be done.</returns>
    internal Task<DateTimeOffset?> BeginAsync(Guid id, Guid run, bool isRetry, string folder, CancellationToken cancellationToken) =>
        transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            await using var command = unit.Command(
                """
                update restores set state = 'running', run_id = @run, folder = @folder, started_at = clock_timestamp(), steps = '[]'
                where id = @id and (state = 'queued' or (state = 'running' and @retry)) returning target
                """,
                ("id", id), ("run", run), ("retry", isRetry), ("folder", folder));
            if (await command.ExecuteScalarAsync(ct) is not DateTime target)
            {
                return (DateTimeOffset?)null;
            }

            unit.Record("backup.restore_started", ("restore", id.ToString()), new { RestoreId = id, To = target });
            return new DateTimeOffset(target, TimeSpan.Zero);
        }, cancellationToken);

    /// <summary>It is known from what.</summary>
    internal async Task PlannedAsync(Guid id, RestorePlan plan, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "update restores set base_snapshot = @base, base_at = @at, log_snapshots = @log, log_through = @through where id = @id");
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("base", plan.Base.SnapshotId);
        command.Parameters.AddWithValue("at", plan.Base.At);
        command.Parameters.AddWithValue("log", plan.Log.Count);
        command.Parameters.AddWithValue("through", plan.Log.Count == 0 ? plan.Base.At : plan.Log[^1].At);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>It has come a step further.</summary>
    internal async Task StepAsync(Guid id, string text, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            update restores set steps = steps || jsonb_build_array(jsonb_build_object('at', clock_timestamp(), 'text', @text::text))
            where id = @id and state = 'running' and jsonb_array_length(steps) < @most
            """);
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("text", text);
        command.Parameters.AddWithValue("most", MostSteps);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>It is there.</summary>
    internal Task RestoredAsync(Guid id, JudgedRestore restored, Caller caller, CancellationToken cancellationToken) =>
        transactions.RunAsync(caller, async (unit, ct) =>
        {
            await using var command = unit.Command(
                """
                update restores set state = 'restored', ended_at = clock_timestamp(), seconds = @seconds, bytes = @bytes, last_commit_at = @commit,
                    verdicts = @verdicts, tables = @tables, passed = @passed
                where id = @id and state = 'running'
                """,
                ("id", id), ("seconds", (decimal)restored.Cluster.Took.TotalSeconds), ("bytes", restored.Bytes), ("commit", restored.Cluster.LastCommitAt), ("passed", restored.Passed));
            command.Parameters.AddWithValue("verdicts", NpgsqlDbType.Jsonb, JsonSerializer.Serialize(restored.Verdicts, WireJson.Options));
            command.Parameters.AddWithValue("tables", NpgsqlDbType.Jsonb, JsonSerializer.Serialize(restored.Tables, WireJson.Options));
            await command.ExecuteNonQueryAsync(ct);
            unit.Record("backup.restore_ended", ("restore", id.ToString()), new
            {
                RestoreId = id, restored.Cluster.Plan.To, restored.Passed, Failed = restored.Verdicts.Where(v => !v.Passed).Select(v => v.Name),
                Seconds = Math.Round(restored.Cluster.Took.TotalSeconds, 1),
            });
            return true;
        }, cancellationToken);

    /// <summary>It could not be done.</summary>
    internal Task FailedAsync(Guid id, string problem, Caller caller, CancellationToken cancellationToken) =>
        transactions.RunAsync(caller, async (unit, ct) =>
        {
            await unit.ExecuteAsync(
                "update restores set state = 'failed', ended_at = clock_timestamp(), problem = @problem where id = @id and state = 'running'", ct, ("id", id), ("problem", problem));
            unit.Record("backup.restore_failed", ("restore", id.ToString()), new { RestoreId = id, Problem = problem });
            return true;
        }, cancellationToken);

    /// <summary>Locks one.</summary>
    internal static async Task<(RestoreState State, bool? Passed, string? Folder, DateTimeOffset To)?> LockAsync(UnitOfWork unit, Guid id, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select state, passed, folder, target from restores where id = @id for update", ("id", id));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (WireNames<RestoreState>.Parse(reader.GetString(0)), reader.IsDBNull(1) ? null : reader.GetBoolean(1), reader.IsDBNull(2) ? null : reader.GetString(2),
                reader.GetFieldValue<DateTimeOffset>(3))
            : null;
    }
}
