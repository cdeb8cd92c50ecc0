using System.Globalization;

namespace ControlCenter.Domain.Recovery;

/// <summary>What is known of backups and log at one moment.</summary>
/// <param name="Now">The moment, by the database's clock.</param>
/// <param name="WatchedSince">Since when there is a repository to watch.</param>
public sealed record RecoveryReading(DateTimeOffset Now, DateTimeOffset WatchedSince)
{
    /// <summary>Since when something is written that is not in the repository; null where everything is. Idle is not lag.</summary>
    public DateTimeOffset? BehindSince { get; init; }

    /// <summary>How often in a row log did not reach the repository.</summary>
    public int Failures { get; init; }

    /// <summary>What the last of them said.</summary>
    public string? LastFailure { get; init; }

    /// <summary>Why the repository cannot be used, of the last attempt on it; null where it can.</summary>
    public RepositoryFault? Fault { get; init; }

    /// <summary>What that attempt said.</summary>
    public string? FaultText { get; init; }

    /// <summary>When a base backup last succeeded.</summary>
    public DateTimeOffset? LastBaseAt { get; init; }

    /// <summary>How the slot keeps its log (<c>pg_replication_slots.wal_status</c>); null where there is no slot.</summary>
    public string? SlotStatus { get; init; }

    /// <summary>How much more may be written before the slot loses log, in bytes; null where it keeps log without a cap.</summary>
    public long? SlotSafeBytes { get; init; }

    /// <summary>The slot's cap in bytes (<c>max_slot_wal_keep_size</c>).</summary>
    public long? SlotCapBytes { get; init; }

    /// <summary>What verification last found damaged, and no later one has read as sound.</summary>
    public string? Damage { get; init; }

    /// <summary>When the repository's data was last read and sound, a share or all of it.</summary>
    public DateTimeOffset? LastSoundCheckAt { get; init; }

    /// <summary>The map of this cluster, by the repository's word; null where it was not read yet.</summary>
    public RecoverableTime? Map { get; init; }

    /// <summary>This cluster's bases in the repository, by its word.</summary>
    public IReadOnlyList<BaseBackup> Bases { get; init; } = [];

    /// <summary>The timeline that is written now.</summary>
    public uint Timeline { get; init; }

    /// <summary>Where what was fetched back from the repository is not what was written, by the daily probe; null where it is.</summary>
    public string? ProbeProblem { get; init; }

    /// <summary>Why the second copy of the repository's password is none, by the last look at it; null where it opens the repository, or nobody has named one.</summary>
    public EscrowFault? Escrow { get; init; }

    /// <summary>When it last opened the repository.</summary>
    public DateTimeOffset? EscrowOpenedAt { get; init; }

    /// <summary>Settings of the server that are not as continuous log needs them, each in words.</summary>
    public IReadOnlyList<string> WrongSettings { get; init; } = [];

    /// <summary>Files that were kept back from the last copy of the data folders, because of secrets in them.</summary>
    public IReadOnlyList<string> KeptBackFiles { get; init; } = [];
}

/// <summary>When something is wrong with recovery (blueprint 10.3A, 12.6): what is known in, problems out. One cause is told once.</summary>
public static class RecoveryWatch
{
    /// <summary>Log may be behind for so long (blueprint 10.3A): 5 min.</summary>
    public static readonly TimeSpan MostLag = TimeSpan.FromMinutes(5);

    /// <summary>So many failures in a row are no chance (blueprint 10.3A).</summary>
    public const int FailuresInARow = 3;

    /// <summary>A base is taken every night; two hours of grace: 26 h.</summary>
    public static readonly TimeSpan BaseOverdue = TimeSpan.FromHours(26);

    /// <summary>A share of the repository is read every night; one night may be missed: 50 h.</summary>
    public static readonly TimeSpan CheckOverdue = TimeSpan.FromHours(50);

    /// <summary>What is left of the slot's cap when it is worth a word: a quarter.</summary>
    public const double SlotWarning = 0.25;

    /// <summary>Everything that is wrong, the worst first.</summary>
    public static IReadOnlyList<RecoveryProblem> Problems(RecoveryReading reading)
    {
        ArgumentNullException.ThrowIfNull(reading);
        return [.. Found(reading).OrderByDescending(p => p.Severity).ThenBy(p => p.Cause, StringComparer.Ordinal)];
    }

    /// <summary>What is wrong with the second copy of the password, as it goes on from there: <c>is not there</c>.</summary>
    public static string Words(EscrowFault fault) => fault switch
    {
        EscrowFault.Missing => "is not there",
        EscrowFault.Unreadable => "cannot be read",
        _ => "does not open the repository",
    };

    private static IEnumerable<RecoveryProblem> Found(RecoveryReading r) =>
        new[] { Repository(r), Lag(r), Failing(r), Base(r), BaseWithoutLog(r), Slot(r), Checked(r), Probe(r), Settings(r), KeptBack(r), Escrow(r) }.OfType<RecoveryProblem>().Concat(Gaps(r));

    private static RecoveryProblem? Repository(RecoveryReading r) => r.Fault switch
    {
        null or RepositoryFault.Other => null,
        RepositoryFault.WrongPassword => Critical("repository-password", "The backup repository's password is wrong.", r.FaultText, "Put the repository's own password back into the file that CC_BACKUP_PASSWORD_FILE names."),
        RepositoryFault.Hanging => Critical("repository-hanging", "The backup repository does not answer.", r.FaultText, "See to the storage that CC_BACKUP_REPOSITORY names: it takes connections and says nothing."),
        RepositoryFault.Missing => Critical("repository-missing", "The backup repository is gone.", r.FaultText, "Mount its disk again, or name another repository in CC_BACKUP_REPOSITORY and take a base backup there."),
        RepositoryFault.Full => Critical("repository-full", "There is no room for backups.", r.FaultText, "Make room on the disk that is named, or run 'Remove old backups' on a Sunday, which also gives room back."),
        _ => Critical("repository-unreachable", "The backup repository cannot be reached.", r.FaultText, "See to the network and to the storage that CC_BACKUP_REPOSITORY names."),
    };

    private static RecoveryProblem? Lag(RecoveryReading r) => r.BehindSince is { } since && r.Now - since > MostLag
        ? Critical("log-lag", $"What was written in the last {Long(r.Now - since)} is not in the backup repository.", r.LastFailure ?? $"Log has not arrived there since {Moment(since)}.", "See what 'wal-stream' says under health.")
        : null;

    // A repository that cannot be used is the cause, and is told of as that.
    private static RecoveryProblem? Failing(RecoveryReading r) => r.Failures >= FailuresInARow && (r.Fault is null or RepositoryFault.Other)
        ? Critical("log-failing", string.Create(CultureInfo.InvariantCulture, $"Log did not reach the backup repository {r.Failures} times in a row."), r.LastFailure, "The last error is beside this; 'wal-stream' under health tries again by itself.")
        : null;

    private static RecoveryProblem? Base(RecoveryReading r)
    {
        var overdue = r.Now - (r.LastBaseAt ?? r.WatchedSince) > BaseOverdue;
        if (r.LastBaseAt is { } last)
        {
            return overdue ? Critical("base-overdue", $"No base backup has succeeded for {Long(r.Now - last)}.", $"The last one ended at {Moment(last)}.", "Jobs → Base backup has its runs and their logs.") : null;
        }

        return new RecoveryProblem(
            "base-overdue", overdue ? AlertSeverity.Critical : AlertSeverity.Warning, "No base backup has been taken: nothing can be restored yet.",
            $"There is a repository since {Moment(r.WatchedSince)}.", "Take one now: Jobs → Base backup → Run now.");
    }

    private static RecoveryProblem? BaseWithoutLog(RecoveryReading r)
    {
        if (r.Map is not { } map || r.LastBaseAt is null)
        {
            return null;
        }

        if (r.Bases.All(b => b.Timeline != r.Timeline))
        {
            return Critical(
                "base-timeline", "Nothing that is written now can be restored: there is no base backup of this cluster's history.",
                string.Create(CultureInfo.InvariantCulture, $"The cluster writes timeline {r.Timeline}."), "Take a base backup now: Jobs → Base backup → Run now.");
        }

        // The newest may still wait for its log, which comes within the time that log may lag.
        var bare = r.Bases.Where(b => !map.Contains(b.ConsistentAt) && r.Now - b.ConsistentAt > MostLag).ToList();
        return bare.Count == 0 ? null : new RecoveryProblem(
            "base-without-log", bare.Max(b => b.ConsistentAt) == r.Bases.Max(b => b.ConsistentAt) ? AlertSeverity.Critical : AlertSeverity.Warning,
            string.Create(CultureInfo.InvariantCulture, $"{bare.Count} of {r.Bases.Count} base backups cannot be restored: their log is missing."),
            $"Of {string.Join(", ", bare.Select(b => Moment(b.ConsistentAt)))}.", "Take a base backup now; log from then on does not depend on what is missing.");
    }

    private static IEnumerable<RecoveryProblem> Gaps(RecoveryReading r)
    {
        if (r.Map?.Gaps is not { Count: > 0 } gaps)
        {
            yield break;
        }

        // A gap behind the newest base costs the past; one after it costs what is written now.
        var newest = r.Bases.Where(b => b.Timeline == r.Timeline).Select(b => WalSegment.At(b.Timeline, b.Start).Number).DefaultIfEmpty().Max();
        yield return new RecoveryProblem(
            "log-gap", gaps.Any(g => g.Timeline == r.Timeline && g.FirstMissing >= newest) ? AlertSeverity.Critical : AlertSeverity.Warning,
            string.Create(CultureInfo.InvariantCulture, $"Log is missing in the backup repository: {gaps.Sum(g => (decimal)g.Missing):0} segments in {gaps.Count} places."),
            $"From {string.Join(", ", gaps.Select(g => new WalSegment(g.Timeline, g.FirstMissing).FileName()))} on; the map of recoverable time shows what cannot be restored.",
            "Take a base backup now: what comes after it needs nothing of what is missing.");
    }

    private static RecoveryProblem? Slot(RecoveryReading r) => r.SlotStatus switch
    {
        "lost" => Critical("slot", "The server has removed log that is not in the repository yet.", "The replication slot fell further behind than max_slot_wal_keep_size.", "Take a base backup as soon as log is shipped again."),
        "unreserved" => Critical("slot", "The server is about to remove log that is not in the repository yet.", Left(r), "See to the repository now, or raise max_slot_wal_keep_size."),
        not null when r is { SlotSafeBytes: { } safe, SlotCapBytes: > 0 and var cap } && safe < cap * SlotWarning =>
            new RecoveryProblem("slot", AlertSeverity.Warning, "The server holds back nearly as much log for the repository as it may.", Left(r), "See to the repository, or raise max_slot_wal_keep_size."),
        _ => null,
    };

    private static RecoveryProblem? Checked(RecoveryReading r) =>
        r.Damage is { } damage
            ? Critical("repository-damaged", "The backup repository is damaged.", damage, "Take a base backup into a sound repository; docs/runbooks/recovery.md says how to tell which snapshots are whole.")
            : r.Now - (r.LastSoundCheckAt is { } last && last > r.WatchedSince ? last : r.WatchedSince) > CheckOverdue
                ? new RecoveryProblem("check-overdue", AlertSeverity.Warning, $"The backups have not been read back for {Long(r.Now - (r.LastSoundCheckAt ?? r.WatchedSince))}.", "Damage would not have been seen since.", "Jobs → Verify the backups has its runs and their logs.")
                : null;

    private static RecoveryProblem? Probe(RecoveryReading r) =>
        r.ProbeProblem is { } problem ? Critical("log-probe", "Log that was fetched back from the repository is not what was written.", problem, "Take a base backup, and run 'Verify the backups' for all of the repository.") : null;

    private static RecoveryProblem? Settings(RecoveryReading r) => r.WrongSettings.Count == 0 ? null : new RecoveryProblem(
        "server-settings", AlertSeverity.Warning, "The database server is not set up for continuous backups.", string.Join("; ", r.WrongSettings) + ".", "Change the settings of that server and start it again.");

    private static RecoveryProblem? KeptBack(RecoveryReading r) => r.KeptBackFiles.Count == 0 ? null : new RecoveryProblem(
        "files-with-secrets", AlertSeverity.Warning,
        string.Create(CultureInfo.InvariantCulture, $"{(r.KeptBackFiles.Count == 1 ? "A file was" : $"{r.KeptBackFiles.Count} files were")} kept back from the backup: a secret is in {(r.KeptBackFiles.Count == 1 ? "it" : "them")}."),
        string.Join("; ", r.KeptBackFiles), "Take the secret out of the file, and change the secret.");

    // Nothing is lost while the first copy is there, and everything once it is not.
    private static RecoveryProblem? Escrow(RecoveryReading r) => r.Escrow is not { } fault ? null : new RecoveryProblem(
        "password-escrow", AlertSeverity.Warning,
        $"The second copy of the repository's password {Words(fault)}.",
        r.EscrowOpenedAt is { } at ? $"It last opened the repository at {Moment(at)}." : "It has never opened the repository.",
        fault == EscrowFault.Wrong ? "Copy the password anew to the file that CC_BACKUP_ESCROW_FILE names." : "Mount the disk of the file that CC_BACKUP_ESCROW_FILE names, or copy the password there anew.");

    private static RecoveryProblem Critical(string cause, string title, string? detail, string remedy) => new(cause, AlertSeverity.Critical, title, detail ?? "", remedy);

    private static string Left(RecoveryReading r) => r is { SlotSafeBytes: { } safe, SlotCapBytes: { } cap }
        ? string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, safe) / 1048576:#,0} MiB more may be written, of {cap / 1048576:#,0} MiB.")
        : "";

    private static string Moment(DateTimeOffset at) => string.Create(CultureInfo.InvariantCulture, $"{at.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC");

    private static string Long(TimeSpan time) => time switch
    {
        { TotalMinutes: < 120 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0} minutes"),
        { TotalHours: < 72 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalHours:0} hours"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{time.TotalDays:0} days"),
    };
}
