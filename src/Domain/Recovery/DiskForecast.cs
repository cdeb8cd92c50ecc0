using System.Globalization;

namespace ControlCenter.Domain.Recovery;

/// <summary>How full a disk was.</summary>
/// <param name="At">When.</param>
/// <param name="UsedBytes">How much of it was used, by whomever.</param>
public readonly record struct DiskSample(DateTimeOffset At, long UsedBytes);

/// <summary>When a disk will be full, as it has grown.</summary>
/// <param name="Disk">Which: the path that was looked at.</param>
/// <param name="TotalBytes">Its size.</param>
/// <param name="FreeBytes">What is free.</param>
/// <param name="BytesPerDay">How fast it has grown of late; null where that is not known yet.</param>
/// <param name="FullIn">How long until it is full; null where it does not grow, or that is not known.</param>
public sealed record DiskForecast(string Disk, long TotalBytes, long FreeBytes, double? BytesPerDay, TimeSpan? FullIn)
{
    /// <summary>PostgreSQL stops when its disk is full; below this it is about to (as health has it): 5 %.</summary>
    public const double LeastFree = 0.05;

    private static readonly TimeSpan Short = TimeSpan.FromHours(6);
    private static readonly TimeSpan Longest = TimeSpan.FromDays(7);
    private static readonly TimeSpan Today = TimeSpan.FromHours(24);

    /// <summary>Reckons from measurements: by the last six hours where they alone would fill it within a day, else by the last week.</summary>
    /// <param name="disk">Which.</param>
    /// <param name="totalBytes">Its size.</param>
    /// <param name="freeBytes">What is free now.</param>
    /// <param name="samples">Measurements in any order.</param>
    /// <param name="now">The moment.</param>
    public static DiskForecast Of(string disk, long totalBytes, long freeBytes, IReadOnlyCollection<DiskSample> samples, DateTimeOffset now)
    {
        var fast = Slope(samples, now - Short, Short / 2);
        var slow = Slope(samples, now - Longest, Today);
        var perDay = fast is { } rush && rush > 0 && TimeToFill(freeBytes, rush) < Today ? rush : slow ?? (fast is null ? null : Math.Max(fast.Value, 0));
        return new DiskForecast(disk, totalBytes, freeBytes, perDay, perDay is { } growth ? TimeToFill(freeBytes, growth) : null);
    }

    /// <summary>What is to be told of it; null where nothing is.</summary>
    public RecoveryProblem? Problem()
    {
        var free = (double)FreeBytes / Math.Max(TotalBytes, 1);
        var severity = free < LeastFree || FullIn < Today ? AlertSeverity.Critical : FullIn < Longest ? AlertSeverity.Warning : (AlertSeverity?)null;
        if (severity is not { } bad)
        {
            return null;
        }

        var title = FullIn is { } left && left < Longest
            ? string.Create(CultureInfo.InvariantCulture, $"The disk of {Disk} will be full in {(left < TimeSpan.FromHours(48) ? $"{left.TotalHours:0} hours" : $"{left.TotalDays:0} days")}.")
            : $"The disk of {Disk} is nearly full.";
        return new RecoveryProblem(
            $"disk:{Disk}", bad, title,
            string.Create(CultureInfo.InvariantCulture, $"{FreeBytes / 1e9:0.0} GB are free of {TotalBytes / 1e9:0.0} GB{(BytesPerDay is { } growth ? $"; it grows by {growth / 1e9:0.00} GB a day" : "")}."),
            "Make room, or shorten what is kept: GET /api/v1/storage says what has grown.");
    }

    private static TimeSpan? TimeToFill(long free, double perDay) =>
        perDay <= 0 || free / perDay > 3650 ? null : TimeSpan.FromDays(free / perDay);

    // From the least of its beginning to the least of its end: what comes and goes, a base backup's scratch copy say, is no growth.
    private static double? Slope(IReadOnlyCollection<DiskSample> samples, DateTimeOffset from, TimeSpan least)
    {
        var within = samples.Where(s => s.At >= from).OrderBy(s => s.At).ToList();
        if (within.Count < 2 || within[^1].At - within[0].At is var span && span < least)
        {
            return null;
        }

        var first = within.Where(s => s.At <= within[0].At + (span / 6)).MinBy(s => s.UsedBytes);
        var last = within.Where(s => s.At >= within[^1].At - (span / 6)).MinBy(s => s.UsedBytes);
        return (last.UsedBytes - first.UsedBytes) / (last.At - first.At).TotalDays;
    }
}
