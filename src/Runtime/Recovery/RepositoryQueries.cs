using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Backups;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Runtime.Recovery;

/// <summary>What is kept in the repository and why.</summary>
/// <param name="Place">Where it is.</param>
/// <param name="PasswordFile">The file with its password.</param>
/// <param name="Bytes">How much it holds; null where it is not a folder of this machine.</param>
/// <param name="Policy">What is to be kept.</param>
/// <param name="Retained">Every base, dump and copy of files, newest first, and why it is kept; with no reason, it goes with the next removal.</param>
/// <param name="Bases">The bases of the newest cluster, oldest first.</param>
/// <param name="LogSnapshots">How many pieces of log there are.</param>
/// <param name="OldestLogAt">How far back log reaches.</param>
public sealed record RepositoryView(
    RepositoryPlace Place, string PasswordFile, long? Bytes, BackupRetention Policy, IReadOnlyList<RetainedSnapshot> Retained,
    IReadOnlyList<MarkedSnapshot> Bases, int LogSnapshots, DateTimeOffset? OldestLogAt);

/// <summary>Reads what the repository holds, by its own word, and what retention makes of it.</summary>
public sealed class RepositoryQueries(RecoveryQueries recovery, IServiceProvider services, TimeProvider time)
{
    // A large repository is a hundred thousand files, and its size is nothing that changes by the second.
    private static readonly TimeSpan MeasureEvery = TimeSpan.FromMinutes(5);

    private (long Bytes, long At)? _measured;

    /// <summary>Reads it.</summary>
    /// <returns>Null where there is no repository, or it cannot be read: <see cref="RecoveryState.Problem"/> says why.</returns>
    public async Task<RepositoryView?> ReadAsync(CancellationToken cancellationToken)
    {
        if (services.GetService<RecoverySettings>() is not { } settings || await recovery.IndexAsync(cancellationToken) is not { } index)
        {
            return null;
        }

        var place = RepositoryPlace.Of(settings.Repository);
        var policy = new BackupRetention();
        var reviewed = await services.GetRequiredService<ApplyRetention>().ReviewedAsync(cancellationToken);
        var plan = ApplyRetention.Plan(index, policy, TimeZoneInfo.Local, time.GetUtcNow(), reviewed);
        var log = index.Snapshots.Where(s => s.Kind == SnapshotKind.Wal).ToList();
        return new RepositoryView(
            place, settings.PasswordFile, place.IsLocal ? Measured(settings.Repository) : null, policy, plan.Backups,
            index.NewestSystem is { } system ? [.. index.Of(system, SnapshotKind.Base)] : [], log.Count, log.Count == 0 ? null : log[0].At);
    }

    private long Measured(string folder)
    {
        if (_measured is not { } measured || time.GetElapsedTime(measured.At) > MeasureEvery)
        {
            _measured = measured = (BytesOf(folder), time.GetTimestamp());
        }

        return measured.Bytes;
    }

    // A file that goes while it is looked at counts as nothing.
    private static long BytesOf(string folder) =>
        new DirectoryInfo(folder) is { Exists: true } there ? there.EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true }).Sum(LengthOf) : 0;

    private static long LengthOf(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return 0;
        }
    }
}
