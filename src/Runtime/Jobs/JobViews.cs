using System.Text.Json;
using ControlCenter.Domain.Jobs;

namespace ControlCenter.Runtime.Jobs;

/// <summary>A job.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Title">What it is called.</param>
/// <param name="Description">What it does.</param>
/// <param name="Cron">When it runs.</param>
/// <param name="Schedule">That in words.</param>
/// <param name="TimeZone">The time zone that it is meant in.</param>
/// <param name="MissedRuns">What becomes of slots that passed while no host ran.</param>
/// <param name="NextRuns">Its next five slots; none while it is paused.</param>
/// <param name="PausedAt">Since when it is paused.</param>
/// <param name="PausedByName">By whom.</param>
/// <param name="Retries">How many attempts after the first that fails.</param>
/// <param name="TimeoutSeconds">An attempt that takes longer has failed.</param>
/// <param name="IsCancellable">Whether it can be ended in the middle.</param>
/// <param name="CanRunDry">Whether it can say what it would do.</param>
/// <param name="UpdatedAt">Since when the schedule is so.</param>
/// <param name="UpdatedByName">By whom.</param>
/// <param name="Lease">Who has it now; null for nobody.</param>
/// <param name="LastRuns">The newest runs that were begun or missed, the newest first.</param>
/// <param name="Waiting">How many runs are queued.</param>
public sealed record JobView(
    string Name, string Title, string Description, string Cron, string Schedule, string TimeZone, MissedRuns MissedRuns, IReadOnlyList<DateTimeOffset> NextRuns,
    DateTimeOffset? PausedAt, string? PausedByName, int Retries, int TimeoutSeconds, bool IsCancellable, bool CanRunDry, DateTimeOffset UpdatedAt, string UpdatedByName,
    JobLeaseView? Lease, IReadOnlyList<JobRunBrief> LastRuns, int Waiting);

/// <summary>Who has a job.</summary>
/// <param name="RunId">For which run.</param>
/// <param name="Holder">Which host: machine and process.</param>
/// <param name="FencingToken">The lease's number.</param>
/// <param name="TakenAt">Since when.</param>
/// <param name="ExpiresAt">Until when, if it is not renewed.</param>
public sealed record JobLeaseView(Guid RunId, string Holder, long FencingToken, DateTimeOffset TakenAt, DateTimeOffset ExpiresAt);

/// <summary>A run, briefly.</summary>
/// <param name="RunId">Its id.</param>
/// <param name="State">How it is.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="Progress">0 to 100.</param>
/// <param name="ProgressWords">What it is doing, or came to.</param>
/// <param name="Error">Why it failed.</param>
public sealed record JobRunBrief(
    Guid RunId, JobRunState State, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, int? Progress, string? ProgressWords, string? Error)
{
    /// <summary>How long it took; null for one that has not ended, or never began.</summary>
    public double? Seconds => EndedAt - StartedAt is { } took ? took.TotalSeconds : null;
}

/// <summary>The jobs.</summary>
public sealed record JobList(IReadOnlyList<JobView> Items, string? NextCursor);

/// <summary>A run.</summary>
/// <param name="RunId">Its id.</param>
/// <param name="Job">Of which job.</param>
/// <param name="RootId">The first attempt's id.</param>
/// <param name="Attempt">From 1 on.</param>
/// <param name="Slot">What time it is for.</param>
/// <param name="Trigger">Why there is it.</param>
/// <param name="State">How it is.</param>
/// <param name="IsDry">Whether it only says what it would do.</param>
/// <param name="Payload">What it was given along.</param>
/// <param name="RequestedByName">Who asked for it.</param>
/// <param name="QueuedAt">Since when there is it.</param>
/// <param name="DueAt">When it may begin.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="Holder">Which host ran it.</param>
/// <param name="FencingToken">Its lease's number.</param>
/// <param name="WasLost">Whether it ended with its host.</param>
/// <param name="Progress">0 to 100.</param>
/// <param name="ProgressWords">What it is doing, or came to.</param>
/// <param name="Error">Why it failed.</param>
/// <param name="CancelRequestedAt">When somebody wanted it ended.</param>
/// <param name="CancelRequestedByName">Who.</param>
/// <param name="Lines">How many lines it logged; no more than 2,000 of them are kept.</param>
public sealed record JobRunView(
    Guid RunId, string Job, Guid RootId, int Attempt, DateTimeOffset Slot, JobTrigger Trigger, JobRunState State, bool IsDry, JsonElement? Payload, string? RequestedByName,
    DateTimeOffset QueuedAt, DateTimeOffset DueAt, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, string? Holder, long? FencingToken, bool WasLost,
    int? Progress, string? ProgressWords, string? Error, DateTimeOffset? CancelRequestedAt, string? CancelRequestedByName, int Lines)
{
    /// <summary>How long it took; null for one that has not ended, or never began.</summary>
    public double? Seconds => EndedAt - StartedAt is { } took ? took.TotalSeconds : null;
}

/// <summary>A line of a run's log.</summary>
/// <param name="Number">From 1 on.</param>
/// <param name="At">When.</param>
/// <param name="Text">What.</param>
public sealed record JobRunLine(int Number, DateTimeOffset At, string Text);

/// <summary>A run with its log.</summary>
/// <param name="Run">The run.</param>
/// <param name="Lines">Its lines after the one that was asked from.</param>
/// <param name="NextCursor">None: it is one page.</param>
public sealed record JobRunStory(JobRunView Run, IReadOnlyList<JobRunLine> Lines, string? NextCursor);
