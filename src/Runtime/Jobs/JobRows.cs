using System.Text.Json;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Jobs;

/// <summary>A job's row, locked.</summary>
internal sealed record JobRow(
    string Cron, string TimeZone, MissedRuns MissedRuns, DateTimeOffset PlannedThrough, bool IsPaused, bool HasWaiting, DateTimeOffset Now);

/// <summary>A run to be.</summary>
internal sealed record NewRun(Guid Id, string Job, DateTimeOffset Slot, JobTrigger Trigger, DateTimeOffset DueAt)
{
    public Guid? RootId { get; init; }

    public int Attempt { get; init; } = 1;

    public JsonElement? Payload { get; init; }

    public Guid? RequestedBy { get; init; }

    public bool IsMissed { get; init; }
}

/// <summary>A run's row, locked.</summary>
internal sealed record RunRow(
    Guid Id, Guid RootId, string Job, int Attempt, DateTimeOffset Slot, JobRunState State, JsonElement? Payload, DateTimeOffset? CancelRequestedAt, DateTimeOffset Now);

/// <summary>The statements that several commands share.</summary>
internal static class JobRows
{
    /// <summary>Locks a job; null if there is none of the name.</summary>
    public static async Task<JobRow?> LockAsync(UnitOfWork unit, string job, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select j.cron, j.time_zone, j.missed_runs, j.planned_through, j.paused_at is not null,
                exists (select from job_runs r where r.job = j.name and r.state = 'queued' and r.trigger = 'schedule'), clock_timestamp()
            from jobs j where j.name = @job for update
            """,
            ("job", job));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new JobRow(
                reader.GetString(0), reader.GetString(1), WireNames<MissedRuns>.Parse(reader.GetString(2)), reader.GetFieldValue<DateTimeOffset>(3),
                reader.GetBoolean(4), reader.GetBoolean(5), reader.GetFieldValue<DateTimeOffset>(6))
            : null;
    }

    /// <summary>Locks a run; null if there is none.</summary>
    public static async Task<RunRow?> LockRunAsync(UnitOfWork unit, Guid run, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select id, root_id, job, attempt, slot, state, payload, cancel_requested_at, clock_timestamp() from job_runs where id = @run for update", ("run", run));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new RunRow(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.GetInt32(3), reader.GetFieldValue<DateTimeOffset>(4),
                WireNames<JobRunState>.Parse(reader.GetString(5)), reader.JsonOrNull(6), reader.ValueOrNull<DateTimeOffset>(7), reader.GetFieldValue<DateTimeOffset>(8))
            : null;
    }

    /// <summary>Writes a run, in line or missed. One that the same slot has already is left as it is.</summary>
    public static async Task InsertAsync(UnitOfWork unit, NewRun run, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            insert into job_runs (id, job, root_id, attempt, slot, trigger, state, payload, requested_by, due_at, ended_at)
            values (@id, @job, @root, @attempt, @slot, @trigger, @state, @payload, @by, @due, case when @state = 'missed' then clock_timestamp() end)
            on conflict (job, slot) where trigger = 'schedule' do nothing
            """,
            ("id", run.Id), ("job", run.Job), ("root", run.RootId ?? run.Id), ("attempt", run.Attempt), ("slot", run.Slot), ("trigger", run.Trigger.Wire()),
            ("state", (run.IsMissed ? JobRunState.Missed : JobRunState.Queued).Wire()), ("by", run.RequestedBy), ("due", run.DueAt));
        command.Parameters.AddWithValue("payload", NpgsqlDbType.Jsonb, run.Payload is { } payload ? payload.GetRawText() : DBNull.Value);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>How many attempts of a run have failed, and how many were lost.</summary>
    public static async Task<(int Failed, int Lost, int Newest)> AttemptsAsync(UnitOfWork unit, Guid root, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select count(*) filter (where state = 'failed' and not was_lost)::int, count(*) filter (where was_lost)::int, max(attempt) from job_runs where root_id = @root", ("root", root));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetInt32(0), reader.GetInt32(1), reader.GetInt32(2));
    }

    /// <summary>Gives a job's lease back, if this run has it.</summary>
    public static Task<int> ReleaseAsync(UnitOfWork unit, string job, Guid run, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            "update job_leases set run_id = null, slot = null, holder_id = null, holder_name = null, taken_at = null, expires_at = null where job = @job and run_id = @run",
            cancellationToken, ("job", job), ("run", run));
}
