using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Jobs;

namespace ControlCenter.Dashboard.Jobs;

/// <summary>A schedule while it is typed: what is wrong with it, or when it would run.</summary>
public sealed class ScheduleDraft(DateTimeOffset now)
{
    private const int SlotsAhead = 5;

    /// <summary>The cron expression.</summary>
    public string Cron { get; set; } = "";

    /// <summary>The time zone.</summary>
    public string TimeZone { get; set; } = "";

    /// <summary>What becomes of missed slots.</summary>
    public MissedRuns MissedRuns { get; set; }

    /// <summary>What is wrong with it; null if nothing is.</summary>
    public string? Problem => CronSchedule.Problem(Cron.Trim(), now) ?? CronSchedule.ZoneProblem(TimeZone.Trim());

    /// <summary>In words.</summary>
    public string Words => CronSchedule.Words(Cron.Trim());

    /// <summary>When it would run next.</summary>
    public IReadOnlyList<DateTimeOffset> NextRuns => Problem is null ? CronSchedule.Parse(Cron.Trim(), TimeZone.Trim()).Next(now, SlotsAhead) : [];

    /// <summary>A job's present schedule.</summary>
    public static ScheduleDraft Of(JobView job, DateTimeOffset now) => new(now) { Cron = job.Cron, TimeZone = job.TimeZone, MissedRuns = job.MissedRuns };

    /// <summary>As it is sent.</summary>
    public SetJobScheduleRequest ToRequest() => new(Cron.Trim(), TimeZone.Trim(), MissedRuns);
}
