using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Work;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Work;

/// <summary>One ticket with its tasks.</summary>
public sealed partial class TicketPage
{
    private readonly LiveList<TaskView> _tasks = new();
    private IReadOnlyList<string> _projects = [];
    private TicketView? _ticket;
    private TaskDraft? _task;
    private TicketDraft? _edited;

    /// <summary>The ticket's key or id.</summary>
    [Parameter]
    public string Key { get; set; } = "";

    [SupplyParameterFromQuery]
    private string? New { get; set; }

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.TicketId == _ticket?.TicketId;

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        var before = _ticket?.TicketId;
        _ticket = await Tickets.FindAsync(Key, Closed);
        if (_ticket?.TicketId != before)
        {
            _tasks.Reset();
            (_task, _edited) = (null, null);
        }

        if (_ticket is not null)
        {
            await _tasks.RefreshAsync(PageAsync);
        }
    }

    private Task<Page<TaskView>> PageAsync(PageRequest page) => Tasks.ListAsync(new TaskFilter(TicketId: _ticket!.TicketId), page, Closed);

    private TaskDraft NewTask() => new() { Priority = _ticket!.Priority };

    private void BeginTask()
    {
        (_task, Problem) = (NewTask(), null);
        SetInAddress("new", "1");
    }

    private async Task CreateAsync()
    {
        if (await DoAsync(caller => Create.ExecuteAsync(_ticket!.TicketId.ToString(), _task!.ToRequest(), caller, null, Closed)))
        {
            _task = null;
            SetInAddress("new", null);
            await RefreshAsync();
        }
    }

    private async Task BeginEdit()
    {
        (_edited, Problem) = (TicketDraft.Of(_ticket!), null);
        _projects = await Tickets.ProjectsAsync(Closed);
    }

    private async Task SaveAsync()
    {
        if (await DoAsync(caller => Edit.ExecuteAsync(Key, _edited!.ToEdit(), caller, Closed)))
        {
            _edited = null;
            await RefreshAsync();
        }
    }
}
