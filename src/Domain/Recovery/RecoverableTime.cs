namespace ControlCenter.Domain.Recovery;

/// <summary>A base backup that is in the repository.</summary>
/// <param name="Id">Which.</param>
/// <param name="Timeline">The timeline that it was taken on.</param>
/// <param name="Start">From here on its log is needed.</param>
/// <param name="Stop">It is consistent once its log is replayed to here.</param>
/// <param name="ConsistentAt">When that was, by the database's clock: the earliest moment that can be restored from it.</param>
public sealed record BaseBackup(Guid Id, uint Timeline, Lsn Start, Lsn Stop, DateTimeOffset ConsistentAt);

/// <summary>What a shipment of log made sure of: everything committed by then is in the repository.</summary>
/// <param name="At">The moment, by the database's clock, at which the server had written no further than <paramref name="Through"/>.</param>
/// <param name="Timeline">The timeline.</param>
/// <param name="Through">The place.</param>
public readonly record struct WalShipment(DateTimeOffset At, uint Timeline, Lsn Through);

/// <summary>A stretch of time, every moment of which can be restored.</summary>
/// <param name="From">Its first moment.</param>
/// <param name="To">Its last moment.</param>
/// <param name="BaseId">The newest base that its end is restored from.</param>
public sealed record RecoverableRange(DateTimeOffset From, DateTimeOffset To, Guid BaseId);

/// <summary>Log that is needed and not there.</summary>
/// <param name="Timeline">The timeline.</param>
/// <param name="FirstMissing">The first segment's number.</param>
/// <param name="Missing">How many segments in a row; one that is there in part only, though log beyond it is there, counts.</param>
public sealed record WalGap(uint Timeline, ulong FirstMissing, ulong Missing);

/// <summary>The map of recoverable time (BK-14): what can be restored, checked by the log's unbroken chain and not by clocks.</summary>
/// <param name="Ranges">What can be restored, oldest first; they neither touch nor overlap.</param>
/// <param name="Gaps">What is missing between the oldest base and the newest shipment.</param>
public sealed record RecoverableTime(IReadOnlyList<RecoverableRange> Ranges, IReadOnlyList<WalGap> Gaps)
{
    /// <summary>The latest moment that can be restored; null where nothing can.</summary>
    public DateTimeOffset? Latest => Ranges.Count == 0 ? null : Ranges[^1].To;

    /// <summary>Whether this very moment can be restored.</summary>
    public bool Contains(DateTimeOffset moment) => Ranges.Any(r => r.From <= moment && moment <= r.To);

    /// <summary>
    /// Draws the map: from each base, the log is followed segment by segment for as far as it is there. A moment can be restored
    /// when a base was consistent before it, and a shipment after it lies on that base's chain.
    /// </summary>
    /// <param name="bases">Bases in the repository, in any order.</param>
    /// <param name="segments">Segments in the repository, in any order; a partial one counts as far as it was shipped.</param>
    /// <param name="shipments">Shipments that have arrived, in any order.</param>
    /// <param name="segmentBytes">The cluster's segment size.</param>
    public static RecoverableTime Of(
        IReadOnlyCollection<BaseBackup> bases, IReadOnlyCollection<WalSegment> segments, IReadOnlyCollection<WalShipment> shipments,
        uint segmentBytes = WalSegment.DefaultBytes)
    {
        var there = segments.GroupBy(s => s.Timeline).ToDictionary(
            g => g.Key, g => Reached(g, [.. shipments.Where(s => s.Timeline == g.Key).Select(s => s.Through)], segmentBytes));
        var found = new List<RecoverableRange>();
        foreach (var backup in bases)
        {
            var end = EndOfChain(backup, there.GetValueOrDefault(backup.Timeline), segmentBytes);
            if (end < backup.Stop)
            {
                continue;
            }

            var reached = shipments.Where(s => s.Timeline == backup.Timeline && s.Through >= backup.Stop && s.Through <= end && s.At >= backup.ConsistentAt)
                .Select(s => s.At).DefaultIfEmpty(backup.ConsistentAt).Max();
            found.Add(new RecoverableRange(backup.ConsistentAt, reached, backup.Id));
        }

        return new RecoverableTime(Joined(found), Missing(bases, there, shipments, segmentBytes));
    }

    // How far each segment is there: to its end, or, where no shipment has it whole, to the last place in it that one made sure of.
    private static Dictionary<ulong, Lsn> Reached(IEnumerable<WalSegment> segments, IReadOnlyList<Lsn> through, uint segmentBytes) =>
        segments.GroupBy(s => s.Number).ToDictionary(g => g.Key, g =>
        {
            var (start, end) = (new Lsn(g.Key * segmentBytes), new Lsn((g.Key + 1) * segmentBytes));
            return g.Any(s => !s.IsPartial) ? end : through.Where(t => t > start && t <= end).DefaultIfEmpty(start).Max();
        });

    private static Lsn EndOfChain(BaseBackup backup, Dictionary<ulong, Lsn>? there, uint segmentBytes)
    {
        var number = WalSegment.At(backup.Timeline, backup.Start, segmentBytes).Number;
        var end = new Lsn(number * segmentBytes);
        while (end.Value == number * segmentBytes && there?.TryGetValue(number, out var reached) == true)
        {
            end = reached;
            number++;
        }

        return end;
    }

    private static List<RecoverableRange> Joined(List<RecoverableRange> found)
    {
        var joined = new List<RecoverableRange>();
        foreach (var range in found.OrderBy(r => r.From).ThenBy(r => r.To))
        {
            if (joined.Count == 0 || range.From > joined[^1].To)
            {
                joined.Add(range);
            }
            else if (range.To >= joined[^1].To)
            {
                joined[^1] = range with { From = joined[^1].From };
            }
        }

        return joined;
    }

    private static List<WalGap> Missing(
        IReadOnlyCollection<BaseBackup> bases, Dictionary<uint, Dictionary<ulong, Lsn>> there, IReadOnlyCollection<WalShipment> shipments, uint segmentBytes)
    {
        var gaps = new List<WalGap>();
        foreach (var timeline in bases.GroupBy(b => b.Timeline).OrderBy(g => g.Key))
        {
            var first = timeline.Min(b => WalSegment.At(b.Timeline, b.Start, segmentBytes).Number);
            // The log must reach as far as whatever is known of it: a shipment, a base's own end, or a segment beyond a hole.
            var last = timeline.Select(b => LastNeeded(b.Stop, segmentBytes))
                .Concat(shipments.Where(s => s.Timeline == timeline.Key).Select(s => LastNeeded(s.Through, segmentBytes)))
                .Concat(there.GetValueOrDefault(timeline.Key)?.Keys.AsEnumerable() ?? [])
                .Max();
            ulong missing = 0;
            for (var number = first; number <= last + 1; number++)
            {
                if (number <= last && !IsThere(there.GetValueOrDefault(timeline.Key), number, last, segmentBytes))
                {
                    missing++;
                }
                else if (missing > 0)
                {
                    gaps.Add(new WalGap(timeline.Key, number - missing, missing));
                    missing = 0;
                }
            }
        }

        return gaps;
    }

    // Only of the last one it is enough to have a part.
    private static bool IsThere(Dictionary<ulong, Lsn>? there, ulong number, ulong last, uint segmentBytes) =>
        there?.TryGetValue(number, out var reached) == true && (number == last || reached.Value == (number + 1) * segmentBytes);

    // A place at the very beginning of a segment needs nothing of it.
    private static ulong LastNeeded(Lsn through, uint segmentBytes) => through.Value == 0 ? 0 : (through.Value - 1) / segmentBytes;
}
