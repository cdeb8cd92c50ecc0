using ControlCenter.Domain.Access;
using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Jobs;

namespace ControlCenter.Runtime.Recovery.Files;

/// <summary>A copy of the data folders every night.</summary>
public sealed class FilesJob(TakeFiles take) : Job
{
    /// <summary>Its name.</summary>
    public const string JobName = "files-backup";

    /// <inheritdoc />
    public override string Name => JobName;

    /// <inheritdoc />
    public override string Title => "Copy of the files";

    /// <inheritdoc />
    public override string Description => "Takes transcripts, agents' definitions, state and settings into the repository. A file with a secret in it is kept back, and is an alert.";

    /// <inheritdoc />
    public override string DefaultCron => "15 2 * * *";

    /// <inheritdoc />
    public override MissedRuns DefaultMissedRuns => MissedRuns.RunOnce;

    /// <inheritdoc />
    public override TimeSpan Timeout => TimeSpan.FromHours(12);

    /// <inheritdoc />
    public override async Task ExecuteAsync(JobRun run, CancellationToken cancellationToken)
    {
        var taken = await take.ExecuteAsync(null, Caller.Host, line => run.LogAsync(line, cancellationToken), cancellationToken);
        await run.ProgressAsync(100, $"snapshot {taken.SnapshotId[..8]}", cancellationToken);
    }
}
