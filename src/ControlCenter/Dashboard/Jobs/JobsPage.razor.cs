using ControlCenter.Domain.Access;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Jobs;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Jobs;

/// <summary>Every job: when it runs, how its runs went, who has it.</summary>
public sealed partial class JobsPage
{
    private IReadOnlyList<JobView> _jobs = [];

    [SupplyParameterFromQuery]
    private string? Text { get; set; }

    [SupplyParameterFromQuery]
    private string? State { get; set; }

    /// <summary>The next run's time passes without an event where that slot is not run.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(15);

    private List<JobView> Shown => [.. _jobs.Where(j =>
        (string.IsNullOrEmpty(State) || JobWords.FilterOf(j) == State)
        && (string.IsNullOrWhiteSpace(Text) || $"{j.Name} {j.Title} {j.Description}".Contains(Text.Trim(), StringComparison.OrdinalIgnoreCase)))];

    private string Summary
    {
        get
        {
            var parts = new List<string> { $"{_jobs.Count} {(_jobs.Count == 1 ? "job" : "jobs")}" };
            Add(_jobs.Count(j => j.Lease is not null), "running");
            Add(_jobs.Count(j => j.PausedAt is not null), "paused");
            Add(_jobs.Count(j => JobWords.FilterOf(j) == "failed"), "failed last time");
            return string.Join(", ", parts);

            void Add(int count, string word)
            {
                if (count > 0)
                {
                    parts.Add($"{count} {word}");
                }
            }
        }
    }

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectType == "job";

    /// <inheritdoc />
    protected override async Task ReadAsync() => _jobs = (await Queries.ListAsync(Closed)).Items;

    private Task RunAsync(string job) => DoneAsync(caller => Run.ExecuteAsync(job, new RunJobRequest(), caller, null, Closed));

    private Task CancelAsync(string job, Guid run) => DoneAsync(caller => Cancel.ExecuteAsync(job, run, caller, null, Closed));

    private Task RetryAsync(string job, Guid run) => DoneAsync(caller => Retry.ExecuteAsync(job, run, caller, null, Closed));

    private Task PauseAsync(JobView job) => DoneAsync(caller =>
        job.PausedAt is null ? PauseOrResume.PauseAsync(job.Name, caller, null, Closed) : PauseOrResume.ResumeAsync(job.Name, caller, null, Closed));

    private async Task DoneAsync(Func<Caller, Task> command)
    {
        if (await DoAsync(command))
        {
            await RefreshAsync();
        }
    }
}
