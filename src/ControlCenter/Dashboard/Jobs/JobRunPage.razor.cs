using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Jobs;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Jobs;

/// <summary>One run, as it goes: its log, its progress, who has it.</summary>
public sealed partial class JobRunPage
{
    private readonly List<JobRunLine> _lines = [];
    private JobRunView? _run;
    private string _title = "";
    private Guid _shown;

    /// <summary>The job's name.</summary>
    [Parameter]
    public string Name { get; set; } = "";

    /// <summary>The run's id.</summary>
    [Parameter]
    public Guid Id { get; set; }

    /// <summary>Lines and progress are no events: they are looked for.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(1);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectType == "job" && happened.Record.SubjectId == Name;

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        if (_shown != Id)
        {
            (_shown, _run) = (Id, null);
            _lines.Clear();
            _title = (await Queries.FindAsync(Name, Closed))?.Title ?? Name;
        }

        // What has ended does not change any more; one that is cancelled while queued is told by its event.
        if (_run is { State: not (JobRunState.Queued or JobRunState.Running) })
        {
            return;
        }

        if (await Queries.FindRunAsync(Name, Id, _lines.Count == 0 ? 0 : _lines[^1].Number, Closed) is { } story)
        {
            _run = story.Run;
            _lines.AddRange(story.Lines);
        }
    }

    private async Task CancelAsync()
    {
        if (await DoAsync(caller => Cancel.ExecuteAsync(Name, Id, caller, null, Closed)))
        {
            await RefreshAsync();
        }
    }

    private async Task RetryAsync()
    {
        Guid? next = null;
        if (await DoAsync(async caller => next = (await Retry.ExecuteAsync(Name, Id, caller, null, Closed)).Value!.RunId))
        {
            Navigation.NavigateTo($"/jobs/{Name}/runs/{next}");
        }
    }
}
