using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Work;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Work;

/// <summary>Every ticket, and a way to open one.</summary>
public sealed partial class TicketsPage
{
    private readonly LiveList<TicketView> _list = new();
    private IReadOnlyList<string> _projects = [];
    private TicketFilter? _listed;
    private TicketDraft _draft = new();

    [SupplyParameterFromQuery]
    private string? State { get; set; }

    [SupplyParameterFromQuery]
    private string? Project { get; set; }

    [SupplyParameterFromQuery]
    private string? Text { get; set; }

    [SupplyParameterFromQuery]
    private string? New { get; set; }

    private bool Filtered => State is not null || Project is not null || Text is not null;

    private TicketFilter Filter => new(WireNames<TicketState>.TryParse(State, out var state) ? state : null, Project, Text);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.TicketId is not null;

    /// <inheritdoc />
    protected override async Task OnInitializedAsync() => _projects = await Queries.ProjectsAsync(Closed);

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        if (_listed != Filter)
        {
            _listed = Filter;
            _list.Reset();
        }

        await _list.RefreshAsync(PageAsync);
    }

    private Task<Page<TicketView>> PageAsync(PageRequest page) => Queries.ListAsync(Filter, page, Closed);

    private void Begin()
    {
        (_draft, Problem) = (new TicketDraft { Project = Project }, null);
        SetInAddress("new", "1");
    }

    private async Task CreateAsync()
    {
        CreatedTicket? created = null;
        if (await DoAsync(async caller => created = (await Create.ExecuteAsync(_draft.ToCreate(), caller, null, Closed)).Value))
        {
            Navigation.NavigateTo($"/work/{created!.Key}");
        }
    }
}
