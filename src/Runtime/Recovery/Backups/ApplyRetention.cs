using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Recovery.Tools;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Backups;

/// <summary>A snapshot and what becomes of it.</summary>
/// <param name="Snapshot">Which.</param>
/// <param name="Reasons">Why it is kept; empty where it is removed.</param>
public sealed record RetainedSnapshot(MarkedSnapshot Snapshot, IReadOnlyList<KeptAs> Reasons);

/// <summary>What retention does, or would do.</summary>
/// <param name="Backups">Every base, dump and copy of files, newest first.</param>
/// <param name="LogRemoved">Snapshots of log that no kept base needs and that are old enough.</param>
/// <param name="LogKept">Snapshots of log that stay.</param>
public sealed record RetentionPlan(IReadOnlyList<RetainedSnapshot> Backups, IReadOnlyList<MarkedSnapshot> LogRemoved, int LogKept);

/// <summary>Removes backups by the policy (blueprint 10.4), and log only where no kept base needs it (BK-17).</summary>
public sealed class ApplyRetention(Restic restic, RepositoryGate gate, NpgsqlDataSource database, Transactions transactions, TimeProvider time)
{
    /// <summary>Says what would be done.</summary>
    public async Task<RetentionPlan> PlanAsync(BackupRetention policy, TimeZoneInfo zone, CancellationToken cancellationToken) =>
        Plan(await RepositoryIndex.ReadAsync(restic, cancellationToken), policy, zone, time.GetUtcNow(), await ReviewedAsync(cancellationToken));

    /// <summary>Milestones that were reviewed. The marks in the repository say that they are held, and a database that was lost holds them all again.</summary>
    public async Task<IReadOnlySet<Guid>> ReviewedAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select coalesce(array_agg(id), '{}') from backups where reviewed_at is not null");
        return ((Guid[])(await command.ExecuteScalarAsync(cancellationToken))!).ToHashSet();
    }

    /// <summary>Does it. Data stays in the repository until it is pruned.</summary>
    public async Task<RetentionPlan> ExecuteAsync(BackupRetention policy, TimeZoneInfo zone, Caller caller, CancellationToken cancellationToken)
    {
        var plan = await PlanAsync(policy, zone, cancellationToken);
        var removed = plan.Backups.Where(b => b.Reasons.Count == 0).Select(b => b.Snapshot).ToList();
        await using (await gate.KeepUpAsync(cancellationToken))
        await using (await gate.BeAloneAsync(cancellationToken))
        {
            await restic.ForgetAsync([.. removed.Concat(plan.LogRemoved).Select(s => s.SnapshotId)], cancellationToken);
        }

        if (removed.Count + plan.LogRemoved.Count > 0)
        {
            await transactions.RunAsync(caller, async (unit, ct) =>
            {
                await unit.ExecuteAsync("update backups set removed_at = clock_timestamp() where id = any(@ids)", ct, ("ids", removed.Select(s => s.BackupId).ToArray()));
                unit.Record("backup.retention_applied", ("repository", ""), new { Removed = removed.Select(s => new { s.BackupId, Kind = s.Kind.ToString().ToLowerInvariant(), s.At }), LogSnapshotsRemoved = plan.LogRemoved.Count });
                return true;
            }, cancellationToken);
        }

        return plan;
    }

    /// <summary>Gives back the room of what was removed, in bites: nothing can be added during one, and whatever waits is added before the next.</summary>
    /// <param name="first">How many bytes the first may write anew; the others are so large that each takes about a minute.</param>
    /// <param name="each">Is told of each bite when it is over: what it came to (null where restic did not say so) and how long it took.</param>
    /// <param name="cancellationToken">Breaks it off between or within bites; the next goes on.</param>
    /// <returns>How many bytes were freed.</returns>
    public async Task<long> PruneAsync(long first, Func<PruneBite?, TimeSpan, Task> each, CancellationToken cancellationToken)
    {
        await using var upkeep = await gate.KeepUpAsync(cancellationToken);
        var (bytes, freed) = (first, 0L);
        while (true)
        {
            PruneBite? bite;
            TimeSpan took;
            await using (await gate.BeAloneAsync(cancellationToken))
            {
                var began = time.GetTimestamp();
                bite = await restic.PruneAsync(bytes, cancellationToken);
                took = time.GetElapsedTime(began);
            }

            await each(bite, took);
            freed += bite?.Freed ?? 0;
            if (bite?.IsLast != false)
            {
                return freed;
            }

            bytes = PruneBite.Next(bytes, took);
        }
    }

    /// <summary>The plan for what a repository holds.</summary>
    public static RetentionPlan Plan(RepositoryIndex index, BackupRetention policy, TimeZoneInfo zone, DateTimeOffset now, IReadOnlySet<Guid> reviewed)
    {
        var backups = new List<RetainedSnapshot>();
        var removedLog = new List<MarkedSnapshot>();
        var log = index.Snapshots.Where(s => s.Kind == SnapshotKind.Wal).ToList();
        foreach (var alike in index.Snapshots.Where(s => s.Kind != SnapshotKind.Wal).GroupBy(s => (s.System, s.Kind)))
        {
            var byId = alike.ToDictionary(s => s.BackupId);
            backups.AddRange(policy.Of([.. alike.Select(s => new KeepableBackup(s.BackupId, s.At, s.IsMilestone && !reviewed.Contains(s.BackupId)))], zone)
                .Select(k => new RetainedSnapshot(byId[k.Backup.Id], k.Reasons)));
        }

        foreach (var system in log.Select(s => s.System).Distinct())
        {
            var kept = backups.Where(b => b.Reasons.Count > 0).Select(b => b.Snapshot.BackupId).ToHashSet();
            var bases = index.Bases(system).Where(b => kept.Contains(b.Id)).ToList();
            if (policy.WalFloor(bases, index.Shipments(system), now) is not { } floor)
            {
                continue;
            }

            // A snapshot goes only when all that it reaches lies before the floor, and so does its last segment's end.
            var first = WalSegment.At(floor.Timeline, floor.Before);
            removedLog.AddRange(log.Where(s => s.System == system && s.Segments.Count > 0
                && s.Segments.All(g => g.Timeline < first.Timeline || (g.Timeline == first.Timeline && g.Number < first.Number))));
        }

        return new RetentionPlan([.. backups.OrderByDescending(b => b.Snapshot.At)], removedLog, log.Count - removedLog.Count);
    }
}
