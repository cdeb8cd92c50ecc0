using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Tools;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Backups;

/// <summary>Takes a physical copy of the whole cluster, proves that it is whole, and puts it into the repository (blueprint 10.3A, as corrected in design.md).</summary>
public sealed class TakeBaseBackup(NpgsqlDataSource database, RecoverySettings settings, PostgresTools tools, RunBackup run)
{
    /// <summary>Takes one.</summary>
    /// <param name="reason">Why, where somebody asked for it: <c>before migration 42</c>.</param>
    /// <param name="milestone">It is held until somebody has reviewed it.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="tell">Is told where it is.</param>
    /// <param name="cancellationToken">Breaks it off; it has then failed.</param>
    /// <exception cref="ToolException">It failed; it is recorded why.</exception>
    public Task<MarkedSnapshot> ExecuteAsync(string? reason, bool milestone, Caller caller, Func<string, Task>? tell, CancellationToken cancellationToken) =>
        run.ExecuteAsync(SnapshotKind.Base, reason, milestone, caller, tell, async (id, folder, ct) =>
        {
            await using var connection = await database.OpenConnectionAsync(ct);
            await RequireSpaceAsync(connection, ct);
            var data = Path.Combine(folder, "data");
            await (tell?.Invoke("copying the cluster") ?? Task.CompletedTask);
            // Not synced: it is uploaded from here and removed, and what the upload reads is hashed.
            await tools.RunAsync("pg_basebackup",
                ["--pgdata", data, "--no-sync", "--wal-method", "none", "--checkpoint", "fast", "--manifest-checksums", "SHA256", "--label", $"control-center {id}", "--no-password", "--dbname", tools.Connection()],
                () => SizeOf(data), ct);
            var manifest = await DatabaseManifest.TakeAsync(connection, ct);
            await (tell?.Invoke("verifying the copy") ?? Task.CompletedTask);
            await tools.RunAsync("pg_verifybackup", ["--no-parse-wal", "--quiet", data], null, ct);
            await manifest.WriteAsync(folder, ct);
            var (timeline, start, stop) = await RangeAsync(data, ct);
            return new PreparedBackup(
                new MarkedSnapshot("", SnapshotKind.Base, id, await RunBackup.SystemAsync(connection, ct), manifest.CountedAt)
                {
                    Timeline = timeline,
                    Start = start,
                    Stop = stop,
                    IsMilestone = milestone,
                },
                manifest.ToJson());
        }, cancellationToken);

    // pg_basebackup says nothing while it copies.
    private static long SizeOf(string folder) =>
        Directory.Exists(folder) ? new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length) : 0;

    private async Task RequireSpaceAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select sum(pg_database_size(oid))::bigint from pg_database", connection);
        var needed = (long)(await command.ExecuteScalarAsync(cancellationToken))! * 11 / 10;
        Directory.CreateDirectory(settings.ScratchFolder);
        var free = new DriveInfo(settings.ScratchFolder).AvailableFreeSpace;
        if (free < needed)
        {
            throw new ToolException(string.Create(CultureInfo.InvariantCulture,
                $"A copy of the cluster needs {needed / 1048576:#,0} MiB in {settings.ScratchFolder}, and {free / 1048576:#,0} MiB are free there."));
        }
    }

    // PostgreSQL, "Backup Manifest Format": WAL-Ranges.
    private static async Task<(uint Timeline, Lsn Start, Lsn Stop)> RangeAsync(string data, CancellationToken cancellationToken)
    {
        await using var file = File.OpenRead(Path.Combine(data, "backup_manifest"));
        using var manifest = await JsonDocument.ParseAsync(file, cancellationToken: cancellationToken);
        var range = manifest.RootElement.GetProperty("WAL-Ranges").EnumerateArray().Last();
        return (range.GetProperty("Timeline").GetUInt32(), Place("Start-LSN"), Place("End-LSN"));

        Lsn Place(string name) => Lsn.TryParse(range.GetProperty(name).GetString()) ?? throw new InvalidDataException($"backup_manifest has no {name}.");
    }
}
