using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Jobs;

/// <summary>One job: its schedule, its runs, and for the one that trims, what is kept how long.</summary>
public sealed partial class JobPage
{
    private readonly LiveList<JobRunView> _runs = new(25);
    private JobView? _job;
    private IReadOnlyList<RetentionView> _retention = [];
    private ScheduleDraft? _draft;
    private bool _countAgain;
    private int? _days;

    /// <summary>The job's name.</summary>
    [Parameter]
    public string Name { get; set; } = "";

    [SupplyParameterFromQuery]
    private string? Do { get; set; }

    /// <summary>Progress is no event.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(3);

    private ScheduleDraft Draft => _draft ??= ScheduleDraft.Of(_job!, Time.GetUtcNow());

    private RetentionView? Changed => Do is null ? null : _retention.FirstOrDefault(r => r.Class == Do);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectType == "job" && happened.Record.SubjectId == Name;

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _job = await Queries.FindAsync(Name, Closed);
        if (_job is null)
        {
            return;
        }

        await _runs.RefreshAsync(PageAsync);
        // What is old is counted when the page opens and when something was done, not with every look.
        if (Name == TrimHistory.JobName && (_retention.Count == 0 || _countAgain))
        {
            var isFirst = _retention.Count == 0;
            (_countAgain, _retention) = (false, (await Retention.ListAsync(Closed)).Items);
            _days = isFirst ? Changed?.Days : _days;
        }
    }

    /// <inheritdoc />
    protected override Task HearAsync(IReadOnlyList<FeedEvent> events)
    {
        _countAgain = true;
        return base.HearAsync(events);
    }

    private static string Capital(string words) => char.ToUpperInvariant(words[0]) + words[1..];

    private Task<Page<JobRunView>> PageAsync(PageRequest page) => Queries.RunsAsync(Name, null, page, Closed);

    private void Open(string what)
    {
        (_draft, Problem, _days) = (null, null, _retention.FirstOrDefault(r => r.Class == what)?.Days);
        SetInAddress("do", what);
    }

    private void Close()
    {
        (_draft, Problem) = (null, null);
        SetInAddress("do", null);
    }

    private async Task RunAsync(bool dry)
    {
        Guid? run = null;
        if (await DoAsync(async caller => run = (await Run.ExecuteAsync(Name, new RunJobRequest(DryRun: dry), caller, null, Closed)).Value!.RunId))
        {
            Navigation.NavigateTo($"/jobs/{Name}/runs/{run}");
        }
    }

    private Task PauseAsync() => DoneAsync(DoAsync(caller => PauseOrResume.PauseAsync(Name, caller, null, Closed)));

    private Task ResumeAsync() => DoneAsync(DoAsync(caller => PauseOrResume.ResumeAsync(Name, caller, null, Closed)));

    private Task SaveScheduleAsync() => DoneAsync(DoAsync(caller => Schedule.ExecuteAsync(Name, Draft.ToRequest(), caller, Closed)));

    private Task SaveRetentionAsync() => DoneAsync(DoAsync(caller =>
        Keep.ExecuteAsync(Changed?.Class ?? throw new NotFoundException("class of history", Do ?? ""), new SetRetentionRequest(_days), caller, Closed)));

    private async Task DoneAsync(Task<bool> doing)
    {
        if (await doing)
        {
            _countAgain = true;
            Close();
            await RefreshAsync();
        }
    }
}
