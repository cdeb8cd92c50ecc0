using ControlCenter.Runtime.Recovery.Hooks;

namespace ControlCenter.Runtime.Recovery;

/// <summary>Where backups go, and by which secrets. No secret is in here: only where it is read.</summary>
/// <param name="Folder">What is kept on this machine (<c>CC_HOME/recovery</c>): log on its way to the repository, scratch space, restic's cache.</param>
/// <param name="Repository">A restic repository as restic names it: a path, <c>s3:…</c>, <c>b2:…</c>, <c>rest:…</c>, <c>rclone:…</c> (<c>CC_BACKUP_REPOSITORY</c>).</param>
/// <param name="PasswordFile">The file that holds its password (<c>CC_BACKUP_PASSWORD_FILE</c>).</param>
/// <param name="CredentialsFile">A file of <c>NAME=value</c> lines for the repository's storage, given to restic alone (<c>CC_BACKUP_CREDENTIALS_FILE</c>).</param>
public sealed record RecoverySettings(string Folder, string Repository, string PasswordFile, string? CredentialsFile = null)
{
    /// <summary>Whether the repository is below the data folder, and so lost with its disk.</summary>
    public required bool IsBesideData { get; init; }

    /// <summary>A second copy of the password, kept where the first is not lost with it (<c>CC_BACKUP_ESCROW_FILE</c>); null where nobody has named one.</summary>
    public string? EscrowFile { get; init; }

    /// <summary>The program that is told of backups, restores and drills (<c>CC_RECOVERY_HOOK</c>).</summary>
    public RecoveryHook Hook { get; init; } = new(Program: null);

    /// <summary>How often log is shipped while something is written: 10 s.</summary>
    public static readonly TimeSpan ShipEvery = TimeSpan.FromSeconds(10);

    /// <summary>A transfer in which nothing gets done for so long hangs. A pack of 16 MiB over a slow line takes minutes.</summary>
    public TimeSpan TransferPatience { get; init; } = TimeSpan.FromMinutes(4);

    /// <summary>A question that needs no data, whether the repository is there and what is in it, has its answer within this.</summary>
    public TimeSpan AnswerPatience { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>A host that ends ships what was written last within this; past it, its next start does.</summary>
    public TimeSpan LastShipmentPatience { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>Log that was received and is not yet sealed in the repository.</summary>
    public string WalFolder => Path.Combine(Folder, "wal");

    /// <summary>What is being uploaded; what a dead host left of a backup is removed before the next of its kind.</summary>
    public string ScratchFolder => Path.Combine(Folder, "scratch");

    /// <summary>What was restored beside the database that runs: a folder each.</summary>
    public string RestoresFolder => Path.Combine(Folder, "restores");

    /// <summary>restic's own cache.</summary>
    public string CacheFolder => Path.Combine(Folder, "cache");
}
