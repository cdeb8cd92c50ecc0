using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Recovery.Backups;
using ControlCenter.Runtime.Recovery.Wal;

namespace ControlCenter.Runtime.Recovery;

/// <summary>A base backup every night. Its payload may say why (<c>reason</c>), and that it is a milestone (<c>milestone</c>).</summary>
public sealed class BaseBackupJob(TakeBaseBackup take, StreamWal stream) : Job
{
    /// <inheritdoc />
    public override string Name => "base-backup";

    /// <inheritdoc />
    public override string Title => "Base backup";

    /// <inheritdoc />
    public override string Description => "Takes a physical copy of the whole database, verifies it, and puts it into the repository. With the log that is shipped all day, any second after it can be restored.";

    /// <inheritdoc />
    public override string DefaultCron => "0 3 * * *";

    /// <inheritdoc />
    public override MissedRuns DefaultMissedRuns => MissedRuns.RunOnce;

    /// <inheritdoc />
    public override TimeSpan Timeout => TimeSpan.FromHours(12);

    /// <inheritdoc />
    public override async Task ExecuteAsync(JobRun run, CancellationToken cancellationToken)
    {
        var reason = run.Payload is { ValueKind: JsonValueKind.Object } given && given.TryGetProperty("reason", out var said) ? said.GetString() : null;
        var milestone = run.Payload is { ValueKind: JsonValueKind.Object } marked && marked.TryGetProperty("milestone", out var held) && held.ValueKind == JsonValueKind.True;
        var taken = await take.ExecuteAsync(reason, milestone, Caller.Host, line => run.LogAsync(line, cancellationToken), cancellationToken);
        // A base is worth something once its own log is in the repository too.
        try
        {
            await stream.ShipNowAsync(cancellationToken);
        }
        catch (InvalidOperationException elsewhere)
        {
            await run.LogAsync(elsewhere.Message + " The one that does so brings its log along within seconds.", cancellationToken);
        }

        await run.ProgressAsync(100, string.Create(CultureInfo.InvariantCulture, $"snapshot {taken.SnapshotId[..8]} of {taken.At.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC"), cancellationToken);
    }
}

/// <summary>A portable copy of the database every night.</summary>
public sealed class DumpJob(TakeDump take) : Job
{
    /// <inheritdoc />
    public override string Name => "database-dump";

    /// <inheritdoc />
    public override string Title => "Portable dump";

    /// <inheritdoc />
    public override string Description => "Dumps the database's contents, reads the dump back, and puts it into the repository: for another version or another machine's PostgreSQL.";

    /// <inheritdoc />
    public override string DefaultCron => "30 2 * * *";

    /// <inheritdoc />
    public override MissedRuns DefaultMissedRuns => MissedRuns.RunOnce;

    /// <inheritdoc />
    public override TimeSpan Timeout => TimeSpan.FromHours(12);

    /// <inheritdoc />
    public override async Task ExecuteAsync(JobRun run, CancellationToken cancellationToken)
    {
        var reason = run.Payload is { ValueKind: JsonValueKind.Object } given && given.TryGetProperty("reason", out var said) ? said.GetString() : null;
        var taken = await take.ExecuteAsync(reason, Caller.Host, line => run.LogAsync(line, cancellationToken), cancellationToken);
        await run.ProgressAsync(100, $"snapshot {taken.SnapshotId[..8]}", cancellationToken);
    }
}

/// <summary>Reads the repository back: a share each night, all of it on Sundays.</summary>
public sealed class VerifyRepositoryJob(VerifyRepository verify) : Job
{
    /// <inheritdoc />
    public override string Name => "verify-repository";

    /// <inheritdoc />
    public override string Title => "Verify the backups";

    /// <inheritdoc />
    public override string Description => "Reads what is in the backup repository against its hashes: a seventh each night, all of it on Sundays. Damage is an alert.";

    /// <inheritdoc />
    public override string DefaultCron => "30 4 * * *";

    /// <inheritdoc />
    public override MissedRuns DefaultMissedRuns => MissedRuns.RunOnce;

    /// <inheritdoc />
    public override TimeSpan Timeout => TimeSpan.FromHours(12);

    /// <inheritdoc />
    public override async Task ExecuteAsync(JobRun run, CancellationToken cancellationToken)
    {
        var day = run.Slot.LocalDateTime.DayOfWeek;
        var verdict = await verify.ExecuteAsync(day == DayOfWeek.Sunday ? null : (int)day, Caller.Host, cancellationToken);
        await run.ProgressAsync(100, verdict.Detail, cancellationToken);
        if (!verdict.Sound)
        {
            throw new JobRefusedException(verdict.Detail);
        }
    }
}

/// <summary>Removes what the policy does not keep, and on Sundays the data that nothing needs any more.</summary>
public sealed class RetentionJob(ApplyRetention retention) : Job
{
    /// <inheritdoc />
    public override string Name => "backup-retention";

    /// <inheritdoc />
    public override string Title => "Remove old backups";

    /// <inheritdoc />
    public override string Description => "Keeps backups for 14 days, 8 weeks and 12 months, milestones until they are reviewed, and log for seven days and for as long as a kept base needs it.";

    /// <inheritdoc />
    public override string DefaultCron => "30 5 * * *";

    /// <inheritdoc />
    public override MissedRuns DefaultMissedRuns => MissedRuns.Skip;

    /// <inheritdoc />
    public override bool CanRunDry => true;

    /// <inheritdoc />
    public override TimeSpan Timeout => TimeSpan.FromHours(6);

    /// <inheritdoc />
    public override async Task ExecuteAsync(JobRun run, CancellationToken cancellationToken)
    {
        var policy = new BackupRetention();
        var plan = run.IsDry
            ? await retention.PlanAsync(policy, TimeZoneInfo.Local, cancellationToken)
            : await retention.ExecuteAsync(policy, TimeZoneInfo.Local, Caller.Host, cancellationToken);
        foreach (var backup in plan.Backups)
        {
            var kept = backup.Reasons.Count == 0 ? run.IsDry ? "would be removed" : "removed" : $"kept: {string.Join(", ", backup.Reasons.Select(r => r.ToString().ToLowerInvariant()))}";
            await run.LogAsync(string.Create(CultureInfo.InvariantCulture, $"{backup.Snapshot.Kind.ToString().ToLowerInvariant()} of {backup.Snapshot.At.UtcDateTime:yyyy-MM-dd HH:mm} UTC: {kept}"), cancellationToken);
        }

        if (!run.IsDry && run.Slot.LocalDateTime.DayOfWeek == DayOfWeek.Sunday)
        {
            var bites = 0;
            var freed = await retention.PruneAsync(PruneBite.First, (bite, took) => run.LogAsync(Told(++bites, bite, took), cancellationToken), cancellationToken);
            await run.LogAsync(string.Create(CultureInfo.InvariantCulture, $"{freed >> 20} MiB of room given back"), cancellationToken);
        }

        await run.ProgressAsync(100, string.Create(CultureInfo.InvariantCulture,
            $"{plan.Backups.Count(b => b.Reasons.Count == 0)} backups and {plan.LogRemoved.Count} pieces of log {(run.IsDry ? "would go" : "gone")}, {plan.Backups.Count(b => b.Reasons.Count > 0)} and {plan.LogKept} stay"), cancellationToken);
    }

    private static string Told(int number, PruneBite? bite, TimeSpan took) => bite is null
        ? string.Create(CultureInfo.InvariantCulture, $"pruned for {took.TotalSeconds:0.#} s; this restic says in other words what came of it, so it was done once and goes on next Sunday")
        : string.Create(CultureInfo.InvariantCulture, $"prune, part {number}: {bite.Freed >> 20} MiB gone, {bite.Repacked >> 20} MiB written anew, {took.TotalSeconds:0.#} s during which the log waited");
}
