using ControlCenter.Domain.Work;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Work;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Work;

/// <summary>One ticket with its tasks.</summary>
public sealed partial class TicketPage
{
    private TicketView? _ticket;
    private IReadOnlyList<TaskView> _tasks = [];
    private string? _cursor;
    private bool _read;
    private bool _editing;
    private TaskDraft _draft = new();
    private string _title = "";
    private string? _description;
    private int _priority;
    private TicketState _state;

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
        _ticket = await Tickets.FindAsync(Key, Closed);
        if (_ticket is not null)
        {
            var page = await Tasks.ListAsync(
                new TaskFilter(TicketId: _ticket.TicketId), new PageRequest(Math.Clamp(_tasks.Count, PageRequest.DefaultLimit, PageRequest.MostItems)), Closed);
            (_tasks, _cursor) = (page.Items, page.NextCursor);
        }

        _read = true;
    }

    private async Task MoreAsync()
    {
        var page = await Tasks.ListAsync(new TaskFilter(TicketId: _ticket!.TicketId), new PageRequest(PageRequest.DefaultLimit, _cursor), Closed);
        (_tasks, _cursor) = ([.. _tasks, .. page.Items], page.NextCursor);
    }

    private async Task CreateAsync()
    {
        if (await DoAsync(caller => Create.ExecuteAsync(_ticket!.TicketId.ToString(), _draft.ToRequest(), caller, null, Closed)))
        {
            _draft = new TaskDraft { Priority = _ticket!.Priority };
            SetInAddress("new", null);
            await ReadAsync();
        }
    }

    private void BeginEdit()
    {
        (_title, _description, _priority, _state) = (_ticket!.Title, _ticket.Description, _ticket.Priority, _ticket.State);
        (_editing, Problem) = (true, null);
    }

    private async Task SaveAsync()
    {
        _editing = !await DoAsync(caller => Edit.ExecuteAsync(Key, new EditTicketRequest(_title, _description ?? "", null, _priority, _state), caller, Closed));
        await ReadAsync();
    }
}
