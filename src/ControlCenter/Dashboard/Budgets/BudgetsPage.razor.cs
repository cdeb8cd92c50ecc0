using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Budgets;

/// <summary>Every budget: how it stands, and where it is heading.</summary>
public sealed partial class BudgetsPage
{
    private readonly LiveList<BudgetView> _list = new();
    private IReadOnlyList<BudgetOutlook> _outlooks = [];
    private IReadOnlyList<AgentView> _agents = [];
    private BudgetDraft _draft = new();

    [SupplyParameterFromQuery]
    private string? New { get; set; }

    // A reservation is no event, and a forecast changes by the passing of time alone.
    /// <inheritdoc />
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(5);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) =>
        happened.Record.SubjectType == "budget" || happened.Record.Kind == "cost.recorded";

    /// <inheritdoc />
    protected override async Task OnInitializedAsync() => await ReadAgentsAsync();

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        await _list.RefreshAsync(PageAsync);
        _outlooks = await Outlooks.OfAsync(_list.Items, Closed);
    }

    private Task<Page<BudgetView>> PageAsync(PageRequest page) => Queries.ListAsync(page, Closed);

    private async Task MoreAsync()
    {
        await _list.MoreAsync(PageAsync);
        _outlooks = await Outlooks.OfAsync(_list.Items, Closed);
    }

    private async Task BeginAsync()
    {
        (_draft, Problem) = (new BudgetDraft(), null);
        await ReadAgentsAsync();
        SetInAddress("new", "1");
    }

    private async Task ReadAgentsAsync() => _agents = (await Agents.ListAsync(new PageRequest(PageRequest.MostItems), Closed)).Items;

    private async Task CreateAsync()
    {
        if (await DoAsync(caller => Create.ExecuteAsync(_draft.ToCreate(), caller, null, Closed)))
        {
            SetInAddress("new", null);
            await RefreshAsync();
        }
    }
}
