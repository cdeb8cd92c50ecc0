using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery;

namespace ControlCenter.Dashboard.Recovery;

/// <summary>How a stretch of time is.</summary>
public enum StretchKind
{
    /// <summary>Every second of it can be restored.</summary>
    Restorable,

    /// <summary>Nothing was written in it, so its beginning is its end.</summary>
    Idle,

    /// <summary>It is on its way to the repository.</summary>
    OnItsWay,

    /// <summary>It is on its way for longer than it may be.</summary>
    Late,

    /// <summary>It cannot be restored: log is missing.</summary>
    Gap,
}

/// <summary>A stretch of the map.</summary>
/// <param name="Kind">How it is.</param>
/// <param name="From">Its first moment.</param>
/// <param name="To">Its last moment.</param>
/// <param name="Left">Where it begins, in percent of the map's width.</param>
/// <param name="Width">How wide it is; never less than can be seen.</param>
public sealed record MapStretch(StretchKind Kind, DateTimeOffset From, DateTimeOffset To, double Left, double Width);

/// <summary>A base on the map.</summary>
/// <param name="Id">Our id of it.</param>
/// <param name="At">Of when it is.</param>
/// <param name="IsMilestone">Held until it is reviewed.</param>
/// <param name="Left">Where, in percent.</param>
public sealed record MapBase(Guid Id, DateTimeOffset At, bool IsMilestone, double Left);

/// <summary>A slice that can be pointed at.</summary>
/// <param name="At">The moment that it stands for.</param>
/// <param name="Left">Where it begins, in percent.</param>
/// <param name="Width">How wide it is.</param>
public sealed record MapSlice(DateTimeOffset At, double Left, double Width);

/// <summary>The map of recoverable time, ready to be drawn.</summary>
/// <param name="From">Its left edge.</param>
/// <param name="To">Its right edge: now, or the end of what is looked at.</param>
/// <param name="Stretches">Oldest first.</param>
/// <param name="Bases">Oldest first.</param>
/// <param name="Slices">What can be restored, in pieces to point at.</param>
/// <param name="Ticks">Where the six parts of the map begin.</param>
public sealed record RecoveryMap(
    DateTimeOffset From, DateTimeOffset To, IReadOnlyList<MapStretch> Stretches, IReadOnlyList<MapBase> Bases, IReadOnlyList<MapSlice> Slices, IReadOnlyList<DateTimeOffset> Ticks)
{
    private const double LeastWidth = .4;
    private const int SliceCount = 120;
    private const int TickCount = 6;

    /// <summary>Whether its ticks are days, and not times of day.</summary>
    public bool IsOfDays => To - From > TimeSpan.FromDays(3);

    /// <summary>Whether its ticks are so close that they differ by seconds.</summary>
    public bool IsOfMinutes => To - From < TimeSpan.FromMinutes(20);

    /// <summary>Draws it.</summary>
    /// <param name="state">What can be restored.</param>
    /// <param name="bases">The bases in the repository.</param>
    /// <param name="now">The moment.</param>
    /// <param name="window">How far back from <paramref name="until"/>; null for all that there is.</param>
    /// <param name="until">The right edge; null for now.</param>
    public static RecoveryMap Of(RecoveryState state, IReadOnlyList<MarkedSnapshot> bases, DateTimeOffset now, TimeSpan? window, DateTimeOffset? until = null)
    {
        var to = until is { } end && end < now ? end : now;
        var oldest = state.Ranges.Select(r => r.From).Concat(bases.Select(b => b.At)).DefaultIfEmpty(to - TimeSpan.FromHours(1)).Min();
        var from = window is { } w ? to - w : oldest - Margin(to - oldest);
        var span = to - from;
        var stretches = new List<MapStretch>();
        foreach (var (range, i) in state.Ranges.Select((range, i) => (range, i)))
        {
            Add(StretchKind.Restorable, range.From, range.To);
            if (i + 1 < state.Ranges.Count)
            {
                Add(StretchKind.Gap, range.To, state.Ranges[i + 1].From);
            }
        }

        if (state.Latest is { } latest)
        {
            Add(state.LagSeconds is not > 0 ? StretchKind.Idle : TimeSpan.FromSeconds(state.LagSeconds.Value) > RecoveryTargets.MostLoss ? StretchKind.Late : StretchKind.OnItsWay, latest, now);
        }

        return new RecoveryMap(
            from, to, stretches, [.. bases.Where(b => b.At >= from && b.At <= to).Select(b => new MapBase(b.BackupId, b.At, b.IsMilestone, Place(b.At)))],
            [.. Enumerable.Range(0, SliceCount).Select(Slice).OfType<MapSlice>()], [.. Enumerable.Range(0, TickCount).Select(i => from + (span * i / TickCount))]);

        double Place(DateTimeOffset at) => Math.Round((at - from) / span * 100, 3);

        void Add(StretchKind kind, DateTimeOffset first, DateTimeOffset last)
        {
            var (left, right) = (first < from ? from : first, last > to ? to : last);
            if (left < right)
            {
                stretches.Add(new MapStretch(kind, first, last, Place(left), Math.Max(LeastWidth, Math.Round((right - left) / span * 100, 3))));
            }
        }

        // The slice's first restorable moment, so that a range shorter than a slice can be pointed at too.
        MapSlice? Slice(int i)
        {
            var (first, last) = (from + (span * i / SliceCount), from + (span * (i + 1) / SliceCount));
            var range = state.Ranges.FirstOrDefault(r => r.From < last && r.To >= first);
            return range is null ? null : new MapSlice(range.From > first ? range.From : first, 100d * i / SliceCount, 100d / SliceCount);
        }
    }

    // Room at the left, so that the oldest base is not cut at the edge.
    private static TimeSpan Margin(TimeSpan length) => length < TimeSpan.FromMinutes(10) ? TimeSpan.FromMinutes(1) : length * .02;
}
