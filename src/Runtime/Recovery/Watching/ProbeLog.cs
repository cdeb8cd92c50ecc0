using System.Security.Cryptography;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Recovery.Wal;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Watching;

/// <summary>What came of a probe.</summary>
/// <param name="Segment">The segment that was fetched back; null where there was none to fetch.</param>
/// <param name="Problem">How it differs; null where it is what was written.</param>
public sealed record LogProbe(string? Segment, string? Problem);

/// <summary>Follows log all the way and back: a segment is finished, shipped, fetched from the repository, and compared byte for byte with what was received (blueprint 10.3A).</summary>
public sealed class ProbeLog(NpgsqlDataSource database, Transactions transactions, RecoverySettings settings, Restic restic, StreamWal stream, TimeProvider time)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);

    /// <summary>Probes, and keeps what was found.</summary>
    /// <exception cref="ToolException">The log does not get there, or the repository cannot be read: that is told of by others.</exception>
    /// <exception cref="InvalidOperationException">Another host ships the log.</exception>
    public async Task<LogProbe> ExecuteAsync(CancellationToken cancellationToken)
    {
        var segment = await FinishSegmentAsync(cancellationToken);
        if (segment is null)
        {
            return new LogProbe(null, null);
        }

        var file = Path.Combine(settings.WalFolder, segment);
        var began = time.GetTimestamp();
        while (!File.Exists(file))
        {
            if (time.GetElapsedTime(began) > Patience)
            {
                throw new ToolException($"The log is not received: segment {segment} was finished {Patience.TotalSeconds:0} s ago.");
            }

            await Task.Delay(Poll, time, cancellationToken);
        }

        // Read before it is shipped: once it is sealed in the repository, the file here goes.
        var written = await HashAsync(file, cancellationToken);
        await stream.ShipNowAsync(cancellationToken);
        var probe = new LogProbe(segment, await CompareAsync(segment, written, cancellationToken));
        await transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            await unit.ExecuteAsync("update recovery_watch set probed_at = clock_timestamp(), probe_problem = @problem", ct, ("problem", probe.Problem));
            unit.Record("backup.log_probed", ("repository", ""), new { probe.Segment, probe.Problem, Seconds = Math.Round(time.GetElapsedTime(began).TotalSeconds, 1) });
            return true;
        }, cancellationToken);
        return probe;
    }

    private async Task<string?> FinishSegmentAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using (var mark = new NpgsqlCommand("select pg_logical_emit_message(true, 'control-center', 'probe')", connection))
            {
                await mark.ExecuteNonQueryAsync(cancellationToken);
            }

            await using var finish = new NpgsqlCommand("select pg_walfile_name(pg_switch_wal())", connection);
            return (string)(await finish.ExecuteScalarAsync(cancellationToken))!;
        }
        catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            // On another's server that is the superuser's; the newest segment that was finished by itself will do.
            return new WalFolder(settings.WalFolder).Segments().Where(s => !s.IsPartial).Select(s => s.FileName()).LastOrDefault();
        }
    }

    private async Task<string?> CompareAsync(string segment, string written, CancellationToken cancellationToken)
    {
        var wanted = WalSegment.TryParse(segment)!.Value;
        var index = await RepositoryIndex.ReadAsync(restic, cancellationToken);
        if (index.Snapshots.LastOrDefault(s => s.Kind == SnapshotKind.Wal && s.Segments.Contains(wanted)) is not { } snapshot)
        {
            return $"Segment {segment} was shipped, and no snapshot in the repository has it.";
        }

        var folder = Path.Combine(settings.ScratchFolder, $"probe-{Guid.NewGuid():N}");
        try
        {
            await restic.FetchAsync(snapshot.SnapshotId, segment, folder, cancellationToken);
            var fetched = Directory.Exists(folder) ? Directory.EnumerateFiles(folder, segment, SearchOption.AllDirectories).FirstOrDefault() : null;
            return fetched is null ? $"Snapshot {snapshot.SnapshotId[..8]} is to have segment {segment}, and has not."
                : await HashAsync(fetched, cancellationToken) == written ? null
                : $"Segment {segment} in snapshot {snapshot.SnapshotId[..8]} is not what was received from the server.";
        }
        finally
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private static async Task<string> HashAsync(string file, CancellationToken cancellationToken)
    {
        await using var stream = File.OpenRead(file);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken));
    }
}

/// <summary>Follows log to the repository and back every day.</summary>
public sealed class ProbeLogJob(ProbeLog probe) : Job
{
    /// <inheritdoc />
    public override string Name => "probe-log";

    /// <inheritdoc />
    public override string Title => "Probe the log";

    /// <inheritdoc />
    public override string Description => "Finishes a segment of log, waits until it is in the repository, fetches it back and compares. A difference is an alert.";

    /// <inheritdoc />
    public override string DefaultCron => "15 4 * * *";

    /// <inheritdoc />
    public override MissedRuns DefaultMissedRuns => MissedRuns.RunOnce;

    /// <inheritdoc />
    public override async Task ExecuteAsync(JobRun run, CancellationToken cancellationToken)
    {
        try
        {
            var found = await probe.ExecuteAsync(cancellationToken);
            await run.ProgressAsync(100, found.Problem ?? (found.Segment is null ? "no segment of log has been finished yet" : $"segment {found.Segment} came back as it was written"), cancellationToken);
            if (found.Problem is { } problem)
            {
                throw new JobRefusedException(problem);
            }
        }
        catch (InvalidOperationException elsewhere)
        {
            throw new JobRefusedException(elsewhere.Message + " It is probed where it is received: run this again there.");
        }
    }
}
