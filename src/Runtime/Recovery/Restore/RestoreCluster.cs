using System.Globalization;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Backups;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Storage.Embedded;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>A cluster that was restored, and what was found in it.</summary>
/// <param name="Plan">From what.</param>
/// <param name="Manifest">What was in it when its base was taken.</param>
/// <param name="Tables">What is in it now.</param>
/// <param name="LastCommitAt">The newest commit that was replayed; null where there was none.</param>
/// <param name="Damage">What <c>pg_amcheck</c> found; empty where the cluster is sound.</param>
/// <param name="Took">How long it took.</param>
public sealed record RestoredCluster(
    RestorePlan Plan, DatabaseManifest Manifest, IReadOnlyList<TableCount> Tables, DateTimeOffset? LastCommitAt, string Damage, TimeSpan Took);

/// <summary>Restores the cluster to a moment, into an empty folder only, from the repository alone: no host and no database are needed.</summary>
public sealed class RestoreCluster(Restic restic, TimeProvider time, ILogger<RestoreCluster> logger)
{
    /// <summary>Restores into <c>FOLDER/postgres</c>, as a host with that <c>CC_HOME</c> finds it.</summary>
    /// <param name="plan">What to fetch.</param>
    /// <param name="folder">An empty folder, or one that is not there.</param>
    /// <param name="look">Looks at the restored database before it is stopped; for a drill.</param>
    /// <param name="progress">Is told where it is.</param>
    /// <param name="cancellationToken">Breaks it off; what was written is removed.</param>
    /// <exception cref="RestoreException">It cannot be done, or what came out is not sound.</exception>
    /// <exception cref="ToolException">The repository cannot be read, or is damaged.</exception>
    public async Task<RestoredCluster> ExecuteAsync(
        RestorePlan plan, string folder, Func<NpgsqlConnection, CancellationToken, Task>? look, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
        {
            throw new RestoreException($"{folder} is not empty. A restore goes into a folder of its own, never over something.");
        }

        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        try
        {
            var fetched = Path.Combine(folder, "fetched");
            progress?.Report(string.Create(CultureInfo.InvariantCulture, $"fetching the base of {plan.Base.At.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC"));
            await restic.RestoreAsync(plan.Base.SnapshotId, fetched, cancellationToken);
            var manifestFile = Directory.EnumerateFiles(fetched, DatabaseManifest.FileName, SearchOption.AllDirectories).FirstOrDefault()
                ?? throw new RestoreException("The base has no manifest.");
            var manifest = await DatabaseManifest.ReadAsync(Path.GetDirectoryName(manifestFile)!, cancellationToken);
            var cluster = await ClusterFolder.PrepareAsync(folder, logger, cancellationToken);
            Directory.Move(Path.Combine(Path.GetDirectoryName(manifestFile)!, "data"), cluster.Data);
            Directory.Delete(fetched, recursive: true);
            var binaries = await ServerBinaries.FindAsync(cluster.Major, cancellationToken);
            await RequireWholeAsync(binaries, cluster, cancellationToken);
            await AdoptedCluster.CompleteAsync(cluster, cancellationToken);
            var log = await FetchLogAsync(plan, cluster, progress, cancellationToken);
            var (tables, lastCommit, damage) = await ReplayAsync(plan, manifest, cluster, binaries, log, look, progress, cancellationToken);
            Directory.Delete(log, recursive: true);
            cluster.RemoveSocketFolder();
            return new RestoredCluster(plan, manifest, tables, lastCommit, damage, time.GetElapsedTime(began));
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    // What the repository gave back is what pg_basebackup took: its own manifest has a hash of every file.
    private async Task RequireWholeAsync(ServerBinaries binaries, ClusterFolder cluster, CancellationToken cancellationToken)
    {
        var result = await ToolProcess.RunAsync(new ToolRun(binaries.PathOf("pg_verifybackup"), ["--no-parse-wal", "--quiet", cluster.Data]), time, cancellationToken);
        if (result.ExitCode != 0)
        {
            throw new RestoreException($"The base that was fetched is not what was taken: {result.Error.Trim()}");
        }
    }

    private async Task<string> FetchLogAsync(RestorePlan plan, ClusterFolder cluster, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var log = Path.Combine(cluster.Root, "log-to-replay");
        Directory.CreateDirectory(log);
        for (var i = 0; i < plan.Log.Count; i++)
        {
            progress?.Report($"fetching log, {i + 1} of {plan.Log.Count}");
            var fetched = Path.Combine(cluster.Root, "fetched");
            await restic.RestoreAsync(plan.Log[i].SnapshotId, fetched, cancellationToken);
            foreach (var file in Directory.EnumerateFiles(fetched, "*", SearchOption.AllDirectories))
            {
                File.Move(file, Path.Combine(log, Path.GetFileName(file)), overwrite: true);
            }

            Directory.Delete(fetched, recursive: true);
        }

        foreach (var partial in Directory.GetFiles(log, "*.partial"))
        {
            var whole = partial[..^".partial".Length];
            if (File.Exists(whole))
            {
                File.Delete(partial);
            }
            else
            {
                File.Move(partial, whole);
            }
        }

        // PostgreSQL takes the first timeline whose history it cannot fetch; that there is one is all that it asks about others'.
        for (var timeline = plan.Base.Timeline + 1; timeline <= plan.NewestTimeline; timeline++)
        {
            await File.WriteAllTextAsync(Path.Combine(log, string.Create(CultureInfo.InvariantCulture, $"{timeline:X8}.history")), "", cancellationToken);
        }

        return log;
    }

    private async Task<(IReadOnlyList<TableCount> Tables, DateTimeOffset? LastCommit, string Damage)> ReplayAsync(
        RestorePlan plan, DatabaseManifest manifest, ClusterFolder cluster, ServerBinaries binaries, string log,
        Func<NpgsqlConnection, CancellationToken, Task>? look, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var access = Path.Combine(cluster.Root, "restore-hba.conf");
        await File.WriteAllTextAsync(access, "local all all trust\n", cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(cluster.Data, "recovery.signal"), "", cancellationToken);
        await OwnAsync(cluster, cancellationToken);
        var settings = new Dictionary<string, string>(await AdoptedCluster.SettingsAsync(binaries, cluster, cancellationToken))
        {
            ["hba_file"] = access,
            ["restore_command"] = $"cp \"{log}/%f\" \"%p\"",
            ["recovery_target_timeline"] = "current",
            ["recovery_target_action"] = "promote",
        };
        if (plan.StopAt is { } stop)
        {
            settings["recovery_target_time"] = stop.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture) + "+00";
        }

        progress?.Report("replaying the log");
        await using var server = ScratchServer.Start(binaries, cluster, settings, time);
        var to = server.Connection(manifest.Database, manifest.User);
        await server.PromotedAsync(to, progress, cancellationToken);
        progress?.Report("looking at what came out");
        IReadOnlyList<TableCount> tables;
        DateTimeOffset? lastCommit;
        await using (var connection = new NpgsqlConnection(to))
        {
            await connection.OpenAsync(cancellationToken);
            lastCommit = await LastReplayedAsync(plan, connection, cancellationToken);

            tables = await DatabaseManifest.CountAsync(connection, cancellationToken);
            if (look is not null)
            {
                await look(connection, cancellationToken);
            }
        }

        var superuser = await AdoptedCluster.SuperuserAsync(to, cancellationToken);
        var damage = await CheckAsync(binaries, cluster, manifest.Database, superuser, cancellationToken);
        await AdoptedCluster.AdoptAsync(server, manifest, superuser, cluster, cancellationToken);
        await server.StopAsync(cancellationToken);
        File.Delete(access);
        return (tables, lastCommit, damage);
    }

    // PostgreSQL takes log that ends too soon for the end of all log, unless a moment to stop at was still to come.
    private static async Task<DateTimeOffset?> LastReplayedAsync(RestorePlan plan, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_last_xact_replay_timestamp(), pg_last_wal_replay_lsn()::text", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var replayed = Lsn.TryParse(reader.GetString(1))!.Value;
        if (plan.StopAt is null && replayed < plan.Reaches)
        {
            throw new RestoreException($"The log that was fetched ends at {replayed}, before {plan.Reaches}, which it was to reach.");
        }

        return reader.IsDBNull(0) ? null : new DateTimeOffset(reader.GetDateTime(0), TimeSpan.Zero);
    }

    private async Task<string> CheckAsync(ServerBinaries binaries, ClusterFolder cluster, string database, string superuser, CancellationToken cancellationToken)
    {
        var result = await ToolProcess.RunAsync(
            new ToolRun(binaries.PathOf("pg_amcheck"), ["--host", cluster.SocketFolder, "--username", superuser, "--install-missing", "--heapallindexed", database])
            {
                Silence = TimeSpan.FromHours(1),
            },
            time, cancellationToken);
        return result.ExitCode == 0 ? "" : $"{result.Output}\n{result.Error}".Trim();
    }

    private static async Task OwnAsync(ClusterFolder cluster, CancellationToken cancellationToken)
    {
        if (cluster.Owner is { } owner
            && await ServerCommand.RunAsync("/bin/chown", ["--recursive", "--no-dereference", $"{owner}:{owner}", cluster.Root], asOwner: null, cancellationToken) is { ExitCode: not 0 } failed)
        {
            throw new RestoreException($"{cluster.Root} cannot be given to '{owner}': {failed.Error.Trim()}");
        }
    }
}
