using System.Globalization;
using System.Threading.Channels;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Recovery.Tools;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>Restores the database into a folder beside the one that runs. Never by itself: <see cref="RequestRestore"/> queues it.</summary>
public sealed class RestoreJob(RecoverySettings settings, Restic restic, RestoreDatabase restore, RestoreRows rows) : Job
{
    /// <summary>Its name.</summary>
    public const string JobName = "restore";

    /// <inheritdoc />
    public override string Name => JobName;

    /// <inheritdoc />
    public override string Title => "Restore to a folder";

    /// <inheritdoc />
    public override string Description => "Restores the database as it was at a moment, into a folder beside the one that runs, and checks it. Asked for on the page Recovery.";

    /// <inheritdoc />
    public override string DefaultCron => ScheduleWords.OnRequest;

    /// <inheritdoc />
    public override MissedRuns DefaultMissedRuns => MissedRuns.Skip;

    /// <inheritdoc />
    public override RetryRules Retries => new(0, TimeSpan.FromMinutes(1));

    /// <inheritdoc />
    public override TimeSpan Timeout => TimeSpan.FromHours(24);

    /// <inheritdoc />
    public override async Task ExecuteAsync(JobRun run, CancellationToken cancellationToken)
    {
        if (run.Payload?.TryGetProperty("restore_id", out var named) != true || !named.TryGetGuid(out var id))
        {
            throw new JobRefusedException("A restore is asked for on the page Recovery, or by POST /restores: it needs a moment.");
        }

        var folder = Path.Combine(settings.RestoresFolder, id.ToString());
        if (await rows.BeginAsync(id, run.RunId, isRetry: run.Attempt > 1, folder, cancellationToken) is not { } to)
        {
            await run.ProgressAsync(100, "it is over, or was called off", cancellationToken);
            return;
        }

        try
        {
            await RestoredFolder.RemoveAsync(folder);
            Directory.CreateDirectory(settings.ScratchFolder);
            var plan = RestorePlan.Of(await RepositoryIndex.ReadAsync(restic, cancellationToken), to);
            await rows.PlannedAsync(id, plan, cancellationToken);
            var restored = await RestoreAsync(run, id, plan, folder, cancellationToken);
            await rows.RestoredAsync(id, restored, Caller.Host, cancellationToken);
            await run.ProgressAsync(100, string.Create(CultureInfo.InvariantCulture,
                $"restored in {restored.Cluster.Took.TotalSeconds:0.#} s: {(restored.Passed ? "all checks passed" : $"{restored.Verdicts.Count(v => !v.Passed)} checks failed")}"), cancellationToken);
        }
        catch (Exception fault)
        {
            // Written whatever it was, also when the host stops: a restore that is not there is never shown as one that may come.
            await rows.FailedAsync(id, fault is OperationCanceledException ? "It was broken off." : fault.Message, Caller.Host, CancellationToken.None);
            throw fault is RestoreException or ToolException or InvalidDataException ? new JobRefusedException(fault.Message) : fault;
        }
    }

    private async Task<JudgedRestore> RestoreAsync(JobRun run, Guid id, RestorePlan plan, string folder, CancellationToken cancellationToken)
    {
        var steps = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true });
        var writing = WriteStepsAsync(run, id, steps.Reader, cancellationToken);
        try
        {
            return await restore.ExecuteAsync(plan, folder, new Told(steps.Writer), cancellationToken);
        }
        finally
        {
            steps.Writer.Complete();
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WriteStepsAsync(JobRun run, Guid id, ChannelReader<string> steps, CancellationToken cancellationToken)
    {
        var done = 0;
        await foreach (var step in steps.ReadAllAsync(cancellationToken))
        {
            await run.LogAsync(step, cancellationToken);
            await rows.StepAsync(id, step, cancellationToken);
            // Nobody knows how far it is before it is there; that it goes on can be seen.
            await run.ProgressAsync(Math.Min(95, done += 5), step, cancellationToken);
        }
    }

    private sealed class Told(ChannelWriter<string> steps) : IProgress<string>
    {
        public void Report(string value) => steps.TryWrite(value);
    }
}
