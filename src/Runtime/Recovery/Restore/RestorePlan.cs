using System.Globalization;
using ControlCenter.Domain.Recovery;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>What is fetched to restore a moment.</summary>
/// <param name="Base">The base that it begins from.</param>
/// <param name="Log">Snapshots with log, oldest first.</param>
/// <param name="To">The moment.</param>
/// <param name="StopAt">Where the replay stops; null to replay all the log that is fetched, because nothing was committed after the moment in it.</param>
/// <param name="Reaches">A place that a replay of all the log comes by.</param>
/// <param name="NewestTimeline">The newest timeline of this cluster in the repository: what is restored begins one after it, or its log would be taken for another's.</param>
public sealed record RestorePlan(MarkedSnapshot Base, IReadOnlyList<MarkedSnapshot> Log, DateTimeOffset To, DateTimeOffset? StopAt, Lsn Reaches, uint NewestTimeline)
{
    /// <summary>Chooses the newest base that was consistent by the moment, and the least log that reaches it.</summary>
    /// <param name="index">What the repository holds.</param>
    /// <param name="to">The moment; null for the latest that there is.</param>
    /// <param name="system">The cluster; null for the one that was backed up last.</param>
    /// <exception cref="RestoreException">It cannot be restored; the message says what can.</exception>
    public static RestorePlan Of(RepositoryIndex index, DateTimeOffset? to, string? system = null)
    {
        if ((system ?? index.NewestSystem) is not { } cluster || !index.Of(cluster, SnapshotKind.Base).Any())
        {
            throw new RestoreException("The repository holds no base backup, so no moment can be restored from it.");
        }

        var map = index.Map(cluster);
        var moment = to ?? map.Latest ?? throw new RestoreException("The base backups in the repository have no log to make them consistent.");
        var range = map.Ranges.FirstOrDefault(r => r.From <= moment && moment <= r.To)
            ?? throw new RestoreException(string.Create(CultureInfo.InvariantCulture,
                $"{moment.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff} UTC cannot be restored. What can be: {Listed(map)}."));
        var from = index.Of(cluster, SnapshotKind.Base).Last(b => b.At <= moment && b.At >= range.From);
        var log = index.Of(cluster, SnapshotKind.Wal).Where(s => s.Timeline == from.Timeline).ToList();
        var reaching = log.FirstOrDefault(s => s.At >= moment && s.Stop >= from.Stop) ?? log.Last(s => s.Stop >= from.Stop);
        var first = WalSegment.At(from.Timeline, from.Start).Number;
        var last = (reaching.Stop.Value - 1) / WalSegment.DefaultBytes;
        return new RestorePlan(
            from, Cover(log, reaching, first, last), moment, moment < reaching.At ? moment : null, reaching.Start, index.Snapshots.Where(s => s.System == cluster).Max(s => s.Timeline));
    }

    // From the newest back: what the reaching snapshot has not is taken from sealed batches before it, then from anything that has it.
    private static List<MarkedSnapshot> Cover(List<MarkedSnapshot> log, MarkedSnapshot reaching, ulong first, ulong last)
    {
        var missing = new HashSet<ulong>();
        for (var number = first; number <= last; number++)
        {
            missing.Add(number);
        }

        var chosen = new List<MarkedSnapshot> { reaching };
        missing.ExceptWith(reaching.Segments.Select(s => s.Number));
        foreach (var snapshot in log.OrderByDescending(s => s.IsSealed).ThenByDescending(s => s.At).Where(s => s.Segments.Any(g => missing.Contains(g.Number))))
        {
            if (snapshot.Segments.Any(s => missing.Contains(s.Number)))
            {
                chosen.Add(snapshot);
                // The last one in a snapshot may be there in part only; a later snapshot that has it whole is wanted too.
                var partial = snapshot.Segments.Max(s => s.Number);
                missing.ExceptWith(snapshot.Segments.Select(s => s.Number).Where(n => n != partial || snapshot.At >= reaching.At));
            }
        }

        return missing.Count == 0 || missing.All(n => chosen.Any(s => s.Segments.Any(g => g.Number == n)))
            ? [.. chosen.OrderBy(s => s.At)]
            : throw new RestoreException($"Log is missing in the repository: {missing.Count} segments from {new WalSegment(reaching.Timeline, missing.Min()).FileName()}.");
    }

    private static string Listed(RecoverableTime map) => map.Ranges.Count == 0
        ? "nothing"
        : string.Join("; ", map.Ranges.Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.From.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff} to {r.To.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff} UTC")));
}

/// <summary>A restore that cannot be done, or was not proven. The message is for whoever asked.</summary>
public sealed class RestoreException(string message, Exception? inner = null) : Exception(message, inner);
