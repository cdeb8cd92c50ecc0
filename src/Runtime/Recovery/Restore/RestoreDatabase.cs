using System.Globalization;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Storage.Invariants;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>A database that was restored, settled and judged.</summary>
/// <param name="Cluster">What was restored.</param>
/// <param name="Bytes">How large its base is.</param>
/// <param name="Tables">Its tables against the base's manifest.</param>
/// <param name="Verdicts">What was looked at: counts, damage, freshness, then each invariant.</param>
/// <param name="Settled">What was ended and moved on in it, line by line.</param>
public sealed record JudgedRestore(
    RestoredCluster Cluster, long Bytes, IReadOnlyList<TableVerdict> Tables, IReadOnlyList<RestoreVerdict> Verdicts, IReadOnlyList<string> Settled)
{
    /// <summary>Whether all of it is as it must be.</summary>
    public bool Passed => Verdicts.All(v => v.Passed);
}

/// <summary>Restores the database into a folder, so that it can be gone on with, and says whether it should be.</summary>
public sealed class RestoreDatabase(RestoreCluster restore, Restic restic, ILoggerFactory loggers, TimeProvider time)
{
    /// <summary>Restores it.</summary>
    /// <param name="plan">What to fetch.</param>
    /// <param name="folder">An empty folder, or one that is not there.</param>
    /// <param name="progress">Is told where it is.</param>
    /// <param name="cancellationToken">Breaks it off; what was written is removed.</param>
    /// <exception cref="RestoreException">It cannot be done.</exception>
    /// <exception cref="ToolException">The repository cannot be read, or is damaged.</exception>
    public async Task<JudgedRestore> ExecuteAsync(RestorePlan plan, string folder, IProgress<string>? progress, CancellationToken cancellationToken)
    {
        var bytes = await RequireSpaceAsync(plan, folder, cancellationToken);
        IReadOnlyList<string> settled = [];
        IReadOnlyList<InvariantVerdict> invariants = [];
        var restored = await restore.ExecuteAsync(plan, folder, async (connection, ct) =>
        {
            progress?.Report("ending what was held then");
            settled = await SettleRestored.ExecuteAsync(connection.ConnectionString, plan, loggers, time, ct);
            progress?.Report("checking that it does not contradict itself");
            invariants = await CheckInvariants.ExecuteAsync(connection, ct);
            progress?.Report("reading every table and index");
        }, progress, cancellationToken);
        var tables = DrillRules.Compare(restored.Manifest.Tables, restored.Tables);
        return new JudgedRestore(
            restored, bytes, tables,
            [
                RestoreRules.Counts(tables, plan.Base.At, plan.To), RestoreRules.Sound(restored.Damage), RestoreRules.Fresh(restored.Tables, plan.To),
                .. invariants.Select(i => new RestoreVerdict(i.Name, i.Sentence, i.Passed, i.Detail)),
            ],
            settled);
    }

    /// <summary>How much room a restore needs, in bytes: the base, its log, and a tenth.</summary>
    /// <returns>The base's size, and what is needed.</returns>
    internal static async Task<(long Base, long Needed)> SizeAsync(Restic restic, RestorePlan plan, CancellationToken cancellationToken)
    {
        var bytes = await restic.SizeAsync(plan.Base.SnapshotId, cancellationToken);
        var log = plan.Log.SelectMany(l => l.Segments).Select(s => (s.Timeline, s.Number)).Distinct().Count() * (long)WalSegment.DefaultBytes;
        // Log is fetched a piece at a time beside what is already there, and what is replayed is written again.
        return (bytes, (bytes * 11 / 10) + (log * 2));
    }

    private async Task<long> RequireSpaceAsync(RestorePlan plan, string folder, CancellationToken cancellationToken)
    {
        var (bytes, needed) = await SizeAsync(restic, plan, cancellationToken);
        var above = Path.GetFullPath(folder);
        while (!Directory.Exists(above))
        {
            above = Path.GetDirectoryName(above)!;
        }

        var free = new DriveInfo(above).AvailableFreeSpace;
        return free >= needed ? bytes : throw new RestoreException(string.Create(CultureInfo.InvariantCulture,
            $"The restore needs {needed / 1048576:#,0} MiB below {above}, and {free / 1048576:#,0} MiB are free there."));
    }
}
