using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Recovery.Tools;

namespace ControlCenter.Runtime.Recovery.Backups;

/// <summary>Keeps what was backed up, how it went, and how long it took.</summary>
public sealed class BackupLog(Transactions transactions, TimeProvider time)
{
    /// <summary>A backup begins.</summary>
    /// <returns>Its id.</returns>
    public Task<Guid> BeginAsync(SnapshotKind kind, string? reason, bool milestone, Caller caller, CancellationToken cancellationToken) =>
        transactions.RunAsync(caller, async (unit, ct) =>
        {
            await EndAbandonedAsync(unit, kind, ct);
            var id = Uuid7.New(time);
            await unit.ExecuteAsync(
                "insert into backups (id, kind, state, reason, is_milestone, requested_by) values (@id, @kind, 'running', @reason, @milestone, @by)", ct,
                ("id", id), ("kind", Wire(kind)), ("reason", reason), ("milestone", milestone), ("by", caller.ActorId));
            unit.Record("backup.started", ("backup", id.ToString()), new { BackupId = id, Kind = Wire(kind), Reason = reason });
            return id;
        }, cancellationToken);

    /// <summary>It is in the repository.</summary>
    public Task SucceededAsync(MarkedSnapshot snapshot, ResticUpload upload, string manifest, TimeSpan took, Caller caller, CancellationToken cancellationToken) =>
        transactions.RunAsync(caller, async (unit, ct) =>
        {
            await unit.ExecuteAsync(
                """
                update backups set state = 'succeeded', ended_at = clock_timestamp(), snapshot_id = @snapshot, system = @system, timeline = @timeline,
                    start_lsn = @start::pg_lsn, stop_lsn = @stop::pg_lsn, at = @at, bytes_read = @read, bytes_added = @added, seconds = @seconds,
                    manifest = @manifest::jsonb
                where id = @id
                """,
                ct, ("id", snapshot.BackupId), ("snapshot", upload.SnapshotId), ("system", snapshot.System),
                ("timeline", snapshot.Timeline == 0 ? null : (long)snapshot.Timeline), ("start", Text(snapshot, snapshot.Start)), ("stop", Text(snapshot, snapshot.Stop)),
                ("at", snapshot.At), ("read", upload.TotalBytesProcessed), ("added", upload.DataAdded), ("seconds", (decimal)took.TotalSeconds),
                ("manifest", manifest));
            unit.Record("backup.succeeded", ("backup", snapshot.BackupId.ToString()),
                new { snapshot.BackupId, Kind = Wire(snapshot.Kind), upload.SnapshotId, BytesAdded = upload.DataAdded, Seconds = Math.Round(took.TotalSeconds, 1) });
            return true;
        }, cancellationToken);

    /// <summary>It failed.</summary>
    public Task FailedAsync(Guid id, SnapshotKind kind, string problem, Caller caller, CancellationToken cancellationToken) =>
        transactions.RunAsync(caller, async (unit, ct) =>
        {
            await unit.ExecuteAsync("update backups set state = 'failed', ended_at = clock_timestamp(), problem = @problem where id = @id", ct, ("id", id), ("problem", problem));
            unit.Record("backup.failed", ("backup", id.ToString()), new { BackupId = id, Kind = Wire(kind), Problem = problem });
            return true;
        }, cancellationToken);

    // One of a kind runs at a time, by its job's lease: another that says so is a dead host's.
    private static async Task EndAbandonedAsync(UnitOfWork unit, SnapshotKind kind, CancellationToken cancellationToken)
    {
        const string Why = "Its host ended before it did.";
        await using var command = unit.Command(
            "update backups set state = 'failed', ended_at = clock_timestamp(), problem = @why where state = 'running' and kind = @kind returning id", ("why", Why), ("kind", Wire(kind)));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            unit.Record("backup.failed", ("backup", reader.GetGuid(0).ToString()), new { BackupId = reader.GetGuid(0), Kind = Wire(kind), Problem = Why });
        }
    }

    private static string Wire(SnapshotKind kind) => kind.ToString().ToLowerInvariant();

    private static string? Text(MarkedSnapshot snapshot, Lsn place) => snapshot.Timeline == 0 ? null : place.ToString();
}
