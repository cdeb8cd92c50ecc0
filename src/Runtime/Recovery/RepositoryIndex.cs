using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Tools;

namespace ControlCenter.Runtime.Recovery;

/// <summary>What the repository holds, told by the repository alone.</summary>
/// <param name="Snapshots">All of ours, oldest first.</param>
public sealed record RepositoryIndex(IReadOnlyList<MarkedSnapshot> Snapshots)
{
    /// <summary>Reads it.</summary>
    public static async Task<RepositoryIndex> ReadAsync(Restic restic, CancellationToken cancellationToken) =>
        new([.. (await restic.SnapshotsAsync(cancellationToken)).Select(SnapshotTags.Read).OfType<MarkedSnapshot>().OrderBy(s => s.At)]);

    /// <summary>The cluster that was backed up last; null where none was.</summary>
    public string? NewestSystem => Snapshots.LastOrDefault(s => s.Kind is SnapshotKind.Base or SnapshotKind.Wal)?.System;

    /// <summary>The bases of a cluster.</summary>
    public IReadOnlyList<BaseBackup> Bases(string system) =>
        [.. Of(system, SnapshotKind.Base).Select(s => new BaseBackup(s.BackupId, s.Timeline, s.Start, s.Stop, s.At))];

    /// <summary>The shipments of a cluster's log.</summary>
    public IReadOnlyList<WalShipment> Shipments(string system) =>
        [.. Of(system, SnapshotKind.Wal).Where(s => s.Stop != default).Select(s => new WalShipment(s.At, s.Timeline, s.Stop))];

    /// <summary>The map of a cluster's recoverable time.</summary>
    public RecoverableTime Map(string system) =>
        RecoverableTime.Of(Bases(system), [.. Of(system, SnapshotKind.Wal).SelectMany(s => s.Segments).Distinct()], Shipments(system));

    /// <summary>A cluster's snapshots of one kind, oldest first.</summary>
    public IEnumerable<MarkedSnapshot> Of(string system, SnapshotKind kind) => Snapshots.Where(s => s.System == system && s.Kind == kind);
}
