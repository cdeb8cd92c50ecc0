using System.Globalization;
using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Jobs;

namespace ControlCenter.Dashboard.Jobs;

/// <summary>Jobs, for people.</summary>
internal static class JobWords
{
    /// <summary>A run's state.</summary>
    public static StatusLook Look(JobRunState state) => state switch
    {
        JobRunState.Queued => new("info", "clock", "Queued"),
        JobRunState.Running => new("accent", "play", "Running"),
        JobRunState.Succeeded => new("good", "check", "Succeeded"),
        JobRunState.Failed => new("bad", "x", "Failed"),
        JobRunState.Cancelled => new("", "stop", "Cancelled"),
        _ => new("warn", "clock", "Missed"),
    };

    /// <summary>How a job is: what it is doing, or how its last run ended.</summary>
    public static StatusLook Look(JobView job) =>
        job.Lease is not null ? Look(JobRunState.Running)
        : job.PausedAt is not null ? new("warn", "pause", "Paused")
        : job.LastRuns.Count == 0 ? new("", "circle", "Not run yet")
        : Look(job.LastRuns[0].State);

    /// <summary>The word by which the list can be narrowed to jobs like this one.</summary>
    public static string FilterOf(JobView job) =>
        job.PausedAt is not null ? "paused" : job.Lease is not null ? "running" : job.LastRuns is [{ State: JobRunState.Failed }, ..] ? "failed" : "";

    /// <summary>Why there is a run.</summary>
    public static string Word(JobTrigger trigger) => trigger switch
    {
        JobTrigger.Schedule => "by its schedule",
        JobTrigger.Manual => "asked for",
        JobTrigger.Retry => "another attempt",
        _ => "once, at a time",
    };

    /// <summary>What becomes of missed slots.</summary>
    public static string Word(MissedRuns policy) => policy switch
    {
        MissedRuns.Skip => "A missed run is skipped",
        MissedRuns.RunOnce => "Missed runs are made up for once",
        _ => "Every missed run is made up for",
    };

    /// <summary>A moment as it is in a time zone: <c>Sun 22 Nov, 04:00</c>.</summary>
    public static string In(DateTimeOffset at, string timeZone) =>
        TimeZoneInfo.ConvertTime(at, TimeZoneInfo.FindSystemTimeZoneById(timeZone)).ToString("ddd d MMM, HH:mm", CultureInfo.InvariantCulture);

    /// <summary>How far a time zone is from UTC at a moment.</summary>
    public static TimeSpan OffsetOf(DateTimeOffset at, string timeZone) => TimeZoneInfo.FindSystemTimeZoneById(timeZone).GetUtcOffset(at);

    /// <summary>The same moment in UTC.</summary>
    public static string InUtc(DateTimeOffset at) => at.UtcDateTime.ToString("ddd d MMM yyyy, HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
