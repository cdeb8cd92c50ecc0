using System.Globalization;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Tools;

namespace ControlCenter.Runtime.Recovery;

/// <summary>What a snapshot in the repository is of.</summary>
public enum SnapshotKind
{
    /// <summary>A physical base backup, from which any moment after it can be restored with its log.</summary>
    Base,

    /// <summary>Log.</summary>
    Wal,

    /// <summary>A portable copy of the database's contents.</summary>
    Dump,

    /// <summary>The data folders, configuration and state.</summary>
    Files,
}

/// <summary>
/// What is known of a snapshot, from its own marks: the repository alone is enough to restore from, with nothing left of the
/// machine and the database that it came from.
/// </summary>
/// <param name="SnapshotId">restic's id.</param>
/// <param name="Kind">What it is of.</param>
/// <param name="BackupId">Our id.</param>
/// <param name="System">The cluster's system identifier: log and base of different clusters are never put together.</param>
/// <param name="At">When it was so, by the database's clock.</param>
public sealed record MarkedSnapshot(string SnapshotId, SnapshotKind Kind, Guid BackupId, string System, DateTimeOffset At)
{
    /// <summary>The timeline; 0 where it has none.</summary>
    public uint Timeline { get; init; }

    /// <summary>A base's first place; of log, the place of its own mark, which a replay of all of it comes by.</summary>
    public Lsn Start { get; init; }

    /// <summary>A base's last place; how far log reaches; nothing where it was only brought in late, and makes sure of nothing by itself.</summary>
    public Lsn Stop { get; init; }

    /// <summary>The segments of log that are in it.</summary>
    public IReadOnlyList<WalSegment> Segments { get; init; } = [];

    /// <summary>No later snapshot has the same log again.</summary>
    public bool IsSealed { get; init; }

    /// <summary>Held until it is reviewed.</summary>
    public bool IsMilestone { get; init; }
}

/// <summary>Writes and reads marks. A tag is <c>name=value</c>; restic splits tags at commas, so none is in them.</summary>
internal static class SnapshotTags
{
    private const string Ours = "control-center";

    public static IReadOnlyList<string> Of(MarkedSnapshot snapshot)
    {
        var tags = new List<string>
        {
            Ours,
            $"kind={snapshot.Kind.ToString().ToLowerInvariant()}",
            $"id={snapshot.BackupId}",
            $"system={snapshot.System}",
            $"at={snapshot.At.UtcDateTime:yyyy-MM-ddTHH:mm:ss.ffffffZ}",
        };
        if (snapshot.Timeline > 0)
        {
            tags.Add(string.Create(CultureInfo.InvariantCulture, $"timeline={snapshot.Timeline}"));
            tags.Add($"start={snapshot.Start}");
            tags.Add($"stop={snapshot.Stop}");
        }

        tags.AddRange(Runs("log", snapshot.Segments.Where(s => !s.IsPartial)));
        tags.AddRange(Runs("part", snapshot.Segments.Where(s => s.IsPartial)));
        if (snapshot.IsSealed)
        {
            tags.Add("sealed");
        }

        if (snapshot.IsMilestone)
        {
            tags.Add("milestone");
        }

        return tags;
    }

    /// <summary>Reads them; null where the snapshot is not ours, or its marks are not whole.</summary>
    public static MarkedSnapshot? Read(ResticSnapshot snapshot)
    {
        var tags = snapshot.Tags ?? [];
        if (!tags.Contains(Ours)
            || !Enum.TryParse<SnapshotKind>(Value("kind"), ignoreCase: true, out var kind)
            || !Guid.TryParse(Value("id"), out var id)
            || Value("system") is not { } system
            || !DateTimeOffset.TryParse(Value("at"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at))
        {
            return null;
        }

        return new MarkedSnapshot(snapshot.Id, kind, id, system, at)
        {
            Timeline = uint.TryParse(Value("timeline"), NumberStyles.None, CultureInfo.InvariantCulture, out var timeline) ? timeline : 0,
            Start = Lsn.TryParse(Value("start")) ?? default,
            Stop = Lsn.TryParse(Value("stop")) ?? default,
            Segments = [.. Values("log").SelectMany(Segments), .. Values("part").SelectMany(Segments).Select(s => s with { IsPartial = true })],
            IsSealed = tags.Contains("sealed"),
            IsMilestone = tags.Contains("milestone"),
        };

        IEnumerable<string> Values(string name) => tags.Where(t => t.StartsWith(name + "=", StringComparison.Ordinal)).Select(t => t[(name.Length + 1)..]);
        string? Value(string name) => Values(name).FirstOrDefault();
    }

    private static IEnumerable<string> Runs(string name, IEnumerable<WalSegment> segments) =>
        Runs(segments).Select(run => string.Create(CultureInfo.InvariantCulture, $"{name}={run.Timeline}:{run.First}-{run.Last}"));

    private static IEnumerable<(uint Timeline, ulong First, ulong Last)> Runs(IEnumerable<WalSegment> segments)
    {
        (uint Timeline, ulong First, ulong Last)? run = null;
        foreach (var (timeline, number) in segments.Select(s => (s.Timeline, s.Number)).Distinct().Order())
        {
            if (run is { } open && open.Timeline == timeline && open.Last + 1 == number)
            {
                run = open with { Last = number };
                continue;
            }

            if (run is { } done)
            {
                yield return done;
            }

            run = (timeline, number, number);
        }

        if (run is { } last)
        {
            yield return last;
        }
    }

    private static IEnumerable<WalSegment> Segments(string run)
    {
        // A mark that is not as we write it promises nothing.
        var parts = run.Split(':', '-');
        if (parts.Length == 3
            && uint.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var timeline)
            && ulong.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            && ulong.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var last))
        {
            for (var number = first; number <= last && number - first < 1_000_000; number++)
            {
                yield return new WalSegment(timeline, number);
            }
        }
    }
}
