using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>Keeps what was drilled: from its beginning, step by step, however it ends.</summary>
public sealed class DrillLog(NpgsqlDataSource database, Transactions transactions, TimeProvider time)
{
    // Past so many nobody counts how many failed in a row.
    private const int Latest = 50;

    private const long OneScenario = 0x43435F44524C; // "CC_DRL", with the scenario's number behind it

    /// <summary>Why the next drill of a scenario is not held.</summary>
    public static string Waits(DrillScenario scenario, Guid failed) =>
        $"The last drill of '{scenario.Wire()}' has failed ({failed}). Its root cause is recorded first: POST /api/v1/restore-drills/{failed}/root-cause, or the page Recovery.";

    /// <summary>A drill begins. One that says that it is under way is a dead host's: a scenario's drills are held one after the other.</summary>
    /// <exception cref="ConflictException">The last one failed, and its root cause is not recorded.</exception>
    public Task<Guid> BeginAsync(DrillScenario scenario, bool isSample, string executor, Guid? run, CancellationToken cancellationToken) =>
        transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            await unit.ExecuteAsync("select pg_advisory_xact_lock(@lock)", ct, ("lock", (OneScenario << 8) + (long)scenario));
            await unit.ExecuteAsync(
                "update restore_drills set state = 'broken_off', ended_at = clock_timestamp(), problem = 'Its host ended before it did.' where scenario = @scenario and state = 'running'",
                ct, ("scenario", scenario.Wire()));
            var latest = await LatestAsync(unit, scenario, ct);
            if (!DrillRules.MayRun(latest.Select(d => (d.State, d.HasRootCause))))
            {
                throw new ConflictException(ProblemTypes.InvalidTransition, Waits(scenario, latest.First(d => d.State == DrillState.Failed).Id));
            }

            var id = Uuid7.New(time);
            executor = await RequesterAsync(unit, run, ct) ?? executor;
            await unit.ExecuteAsync(
                "insert into restore_drills (id, scenario, state, is_sample, executor, job_run_id) values (@id, @scenario, 'running', @sample, @executor, @run)", ct,
                ("id", id), ("scenario", scenario.Wire()), ("sample", isSample), ("executor", executor), ("run", run));
            unit.Record("backup.restore_drill.started", ("restore_drill", id.ToString()), new { DrillId = id, Scenario = scenario, IsSample = isSample, Executor = executor });
            return id;
        }, cancellationToken);

    /// <summary>Keeps the steps that were taken so far.</summary>
    internal async Task KeepStepsAsync(Guid id, IReadOnlyList<DrillStep> steps, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("update restore_drills set steps = @steps where id = @id");
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("steps", NpgsqlDbType.Jsonb, JsonSerializer.Serialize(steps, WireJson.Options));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>It has ended. One that failed is a critical alert, and a question to the founder once it is the second in a row.</summary>
    internal Task EndAsync(Drill drill, DrillScenario scenario, DrillState state, TimeSpan took, DateTimeOffset endedAt, CancellationToken cancellationToken) =>
        transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            await using (var update = unit.Command(
                """
                update restore_drills set state = @state, ended_at = clock_timestamp(), seconds = @seconds, snapshot_id = @snapshot, backup_id = @backup, snapshot_at = @at,
                    snapshot_age_hours = @age, restored_to = @to, tables_verified = @counted, table_count_drift_pct = @drift, live_drift_pct = @live,
                    data_freshness_hours = @fresh, wal_pitr_tested = @pitr, cleanup_proven = @clean, notes = @notes, problem = @problem, tables = @tables, invariants = @invariants
                where id = @id
                """,
                ("id", drill.Id), ("state", state.Wire()), ("seconds", Math.Round((decimal)took.TotalSeconds, 3)), ("snapshot", drill.Snapshot?.SnapshotId),
                ("pitr", drill.PointInTimeTested), ("notes", drill.Notes), ("problem", drill.Problem)))
            {
                Add(update, "backup", NpgsqlDbType.Uuid, drill.Snapshot?.BackupId);
                Add(update, "at", NpgsqlDbType.TimestampTz, drill.Snapshot?.At.UtcDateTime);
                Add(update, "age", NpgsqlDbType.Numeric, drill.Snapshot is { } snapshot ? Hours(endedAt - took - snapshot.At) : null);
                Add(update, "to", NpgsqlDbType.TimestampTz, drill.RestoredTo?.UtcDateTime);
                Add(update, "counted", NpgsqlDbType.Integer, drill.Tables.Count == 0 ? null : drill.Tables.Count);
                Add(update, "drift", NpgsqlDbType.Numeric, drill.Tables.Max(t => t.DriftPercent));
                Add(update, "live", NpgsqlDbType.Numeric, drill.LiveDriftPercent);
                Add(update, "fresh", NpgsqlDbType.Numeric, drill.Freshness is { } age ? Hours(age) : null);
                Add(update, "clean", NpgsqlDbType.Boolean, drill.CleanupProven);
                Add(update, "tables", NpgsqlDbType.Jsonb, JsonSerializer.Serialize(drill.Tables, WireJson.Options));
                Add(update, "invariants", NpgsqlDbType.Jsonb, JsonSerializer.Serialize(drill.Invariants, WireJson.Options));
                await update.ExecuteNonQueryAsync(ct);
            }

            await TellAsync(unit, drill, scenario, state, took, ct);
            return true;
        }, cancellationToken);

    private static async Task TellAsync(UnitOfWork unit, Drill drill, DrillScenario scenario, DrillState state, TimeSpan took, CancellationToken cancellationToken)
    {
        var subject = ("restore_drill", drill.Id.ToString());
        if (state != DrillState.Failed)
        {
            unit.Record($"backup.restore_drill.{state.Wire()}", subject, new { DrillId = drill.Id, Scenario = scenario, drill.Problem, Seconds = Math.Round(took.TotalSeconds, 1) });
            return;
        }

        var inARow = DrillRules.FailedInARow((await LatestAsync(unit, scenario, cancellationToken)).Select(d => d.State));
        unit.Record("backup.restore_drill.failed", subject, new { DrillId = drill.Id, Scenario = scenario, drill.Problem, InARow = inARow, Seconds = Math.Round(took.TotalSeconds, 1) });
        unit.Record("alert.raised", subject, new
        {
            Severity = "critical",
            Source = "backup.restore_drill.failed",
            Title = $"A restore drill has failed: {scenario.Wire().Replace('_', ' ')}",
            Detail = drill.Problem,
            Remedy = "Find out why, mend it, and record the root cause under Recovery: the next drill waits for it.",
        });
    }

    private static async Task<string?> RequesterAsync(UnitOfWork unit, Guid? run, CancellationToken cancellationToken)
    {
        if (run is null)
        {
            return null;
        }

        await using var command = unit.Command("select a.name from job_runs r join actors a on a.id = r.requested_by where r.id = @run", ("run", run));
        return await command.ExecuteScalarAsync(cancellationToken) as string;
    }

    private static async Task<List<(Guid Id, DrillState State, bool HasRootCause)>> LatestAsync(UnitOfWork unit, DrillScenario scenario, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            string.Create(CultureInfo.InvariantCulture, $"select id, state, root_cause is not null from restore_drills where scenario = @scenario order by started_at desc, id desc limit {Latest}"),
            ("scenario", scenario.Wire()));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var latest = new List<(Guid, DrillState, bool)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            latest.Add((reader.GetGuid(0), WireNames<DrillState>.Parse(reader.GetString(1)), reader.GetBoolean(2)));
        }

        return latest;
    }

    private static decimal Hours(TimeSpan span) => Math.Round((decimal)span.TotalHours, 3);

    private static void Add(NpgsqlCommand command, string name, NpgsqlDbType type, object? value) => command.Parameters.AddWithValue(name, type, value ?? DBNull.Value);
}
