using System.Text.Json;
using ControlCenter.Domain.Ids;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Storage.Embedded;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>Restores without a host: into a folder, or beside a stopped host's cluster and then into its place.</summary>
public sealed class RestoreByHand(RestoreDatabase restore, ILoggerFactory loggers, TimeProvider time)
{
    /// <summary>Restores beside a host's cluster and, where that is agreed to, puts it in its place.</summary>
    /// <param name="plan">What to fetch.</param>
    /// <param name="home">The host's data folder. No host and no PostgreSQL may run on it.</param>
    /// <param name="agree">Is shown what came out, and what would have to be typed; null for a folder that has no cluster. False leaves all as it was.</param>
    /// <param name="progress">Is told where it is.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    /// <returns>What came out, and where the cluster of before is kept; no place where there was none, or it is still in its place.</returns>
    /// <exception cref="EmbeddedPostgresException">A host or a PostgreSQL runs on the folder.</exception>
    /// <exception cref="RestoreException">It cannot be done.</exception>
    public async Task<(JudgedRestore Restored, string? PutAside, bool IsInPlace)> ReplaceAsync(
        RestorePlan plan, string home, Func<JudgedRestore, string?, Task<bool>> agree, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var logger = loggers.CreateLogger<RestoreByHand>();
        using var held = await IdleCluster.HoldAsync(home, time, cancellationToken);
        // What another replacement has begun comes first.
        await ClusterSwap.FinishAsync(home, logger, cancellationToken);
        var (id, began) = (Uuid7.New(time), time.GetUtcNow());
        var folder = Path.Combine(home, "recovery", "restores", id.ToString());
        var isFirst = !Directory.Exists(Path.Combine(home, "postgres", "data"));
        var restored = await restore.ExecuteAsync(plan, folder, progress, cancellationToken);
        if (!await agree(restored, isFirst ? null : RestoreQueries.Confirmation(home, restored.Passed)))
        {
            await RestoredFolder.RemoveAsync(folder);
            return (restored, null, false);
        }

        var request = new SwapRequest(id, Path.Combine(folder, "postgres"), ClusterSwap.AsideName(time.GetUtcNow()), plan.To, time.GetUtcNow());
        await ClusterSwap.RequestAsync(home, request, JsonSerializer.Serialize(new ReplacedRecord(Record(id, began, folder, restored), Keys: null), WireJson.Options), cancellationToken);
        var outcome = await ClusterSwap.FinishAsync(home, logger, CancellationToken.None);
        if (outcome?.Problem is { } problem)
        {
            throw new RestoreException(problem);
        }

        Directory.Delete(folder, recursive: true);
        return (restored, isFirst ? null : Path.Combine(home, request.Aside), true);
    }

    private RestoreView Record(Guid id, DateTimeOffset began, string folder, JudgedRestore restored)
    {
        var (cluster, plan) = (restored.Cluster, restored.Cluster.Plan);
        return new RestoreView(
            id, plan.To, RestoreState.Replacing, began, "", null, folder, plan.Base.SnapshotId, plan.Base.At, plan.Log.Count, plan.Log.Count == 0 ? plan.Base.At : plan.Log[^1].At,
            began, time.GetUtcNow(), Math.Round((decimal)cluster.Took.TotalSeconds, 3), restored.Bytes, cluster.LastCommitAt, [.. restored.Settled.Select(s => new RestoreStep(time.GetUtcNow(), s))],
            restored.Verdicts, restored.Tables, restored.Passed, null, false, null, "", null, null, null, null);
    }
}
