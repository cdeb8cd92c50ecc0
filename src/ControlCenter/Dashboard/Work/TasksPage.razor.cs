using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Work;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Work;

/// <summary>Every task of every ticket: where the numbers of the Overview lead.</summary>
public sealed partial class TasksPage
{
    private readonly LiveList<TaskView> _list = new();
    private IReadOnlyList<AgentView> _agents = [];
    private TaskFilter? _listed;

    [SupplyParameterFromQuery]
    private string? State { get; set; }

    [SupplyParameterFromQuery]
    private string? Agent { get; set; }

    [SupplyParameterFromQuery]
    private string? Text { get; set; }

    private bool Filtered => Filter != new TaskFilter();

    private TaskFilter Filter => new(
        WireNames<TaskState>.TryParse(State, out var state) ? state : null, null, Guid.TryParse(Agent, out var agent) ? agent : null, Text);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.TaskId is not null;

    /// <inheritdoc />
    protected override async Task OnInitializedAsync()
    {
        var newest = (await Agents.ListAsync(new PageRequest(PageRequest.MostItems), Closed)).Items;
        var named = Filter.AgentId is { } id && newest.All(a => a.AgentId != id) ? await Agents.FindAsync(id, Closed) : null;
        _agents = [.. newest.Concat(named is null ? [] : [named]).OrderBy(a => a.Name, StringComparer.Ordinal)];
    }

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

    private Task<Page<TaskView>> PageAsync(PageRequest page) => Queries.ListAsync(Filter, page, Closed);
}
