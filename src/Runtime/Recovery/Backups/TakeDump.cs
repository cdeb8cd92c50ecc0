using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Recovery.Tools;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Backups;

/// <summary>Takes a portable copy of the database's contents, which any later PostgreSQL can read (blueprint 10.3: at least daily). Log is never replayed onto it.</summary>
public sealed class TakeDump(NpgsqlDataSource database, PostgresTools tools, RunBackup run)
{
    /// <summary>The dump's file.</summary>
    public const string FileName = "database.dump";

    /// <summary>Takes one.</summary>
    /// <exception cref="ToolException">It failed; it is recorded why.</exception>
    public Task<MarkedSnapshot> ExecuteAsync(string? reason, Caller caller, Func<string, Task>? tell, CancellationToken cancellationToken) =>
        run.ExecuteAsync(SnapshotKind.Dump, reason, milestone: false, caller, tell, async (id, folder, ct) =>
        {
            var file = Path.Combine(folder, FileName);
            await using var connection = await database.OpenConnectionAsync(ct);
            await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, ct);
            // It holds its snapshot for as long as the dump takes, and is idle meanwhile.
            await using (var patience = new NpgsqlCommand("set local idle_in_transaction_session_timeout = 0", connection))
            {
                await patience.ExecuteNonQueryAsync(ct);
            }

            await using var export = new NpgsqlCommand("select pg_export_snapshot()", connection);
            var snapshot = (string)(await export.ExecuteScalarAsync(ct))!;
            await (tell?.Invoke("dumping") ?? Task.CompletedTask);
            // Not compressed: the repository does that, and finds what has not changed.
            await tools.RunAsync("pg_dump", ["--format", "custom", "--compress", "0", "--snapshot", snapshot, "--file", file, "--no-password", "--dbname", tools.Connection()], () => new FileInfo(file) is { Exists: true, Length: var length } ? length : 0, ct);
            // Counted in the snapshot that was dumped: the two say the same.
            var manifest = await DatabaseManifest.CountInAsync(connection, ct);
            await transaction.CommitAsync(ct);
            await (tell?.Invoke("reading it back") ?? Task.CompletedTask);
            await tools.RunAsync("pg_restore", ["--file", "/dev/null", file], null, ct);
            await manifest.WriteAsync(folder, ct);
            return new PreparedBackup(new MarkedSnapshot("", SnapshotKind.Dump, id, await RunBackup.SystemAsync(connection, ct), manifest.CountedAt), manifest.ToJson());
        }, cancellationToken);
}
