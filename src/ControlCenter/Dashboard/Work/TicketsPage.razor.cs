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
    private IReadOnlyList<TicketView> _items = [];
    private string? _cursor;
    private string _title = "";
    private string? _description;
    private string? _project;
    private int _priority = Priority.Default;

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
    protected override async Task ReadAsync()
    {
        // As much as is on the screen: a list that somebody has paged through does not jump back.
        var page = await Queries.ListAsync(Filter, new PageRequest(Math.Clamp(_items.Count, PageRequest.DefaultLimit, PageRequest.MostItems)), Closed);
        (_items, _cursor) = (page.Items, page.NextCursor);
    }

    private async Task MoreAsync()
    {
        var page = await Queries.ListAsync(Filter, new PageRequest(PageRequest.DefaultLimit, _cursor), Closed);
        (_items, _cursor) = ([.. _items, .. page.Items], page.NextCursor);
    }

    private async Task CreateAsync()
    {
        CreatedTicket? created = null;
        if (await DoAsync(async caller => created = (await Create.ExecuteAsync(
            new CreateTicketRequest(_title, _description, string.IsNullOrWhiteSpace(_project) ? null : _project, _priority), caller, null, Closed)).Value))
        {
            Navigation.NavigateTo($"/work/{created!.Key}");
        }
    }
}
