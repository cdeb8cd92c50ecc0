using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Governance;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Budgets;

/// <summary>One budget: how it stands, where it is heading, what was done to it, and a way to change that.</summary>
public sealed partial class BudgetPage
{
    private BudgetDetail? _detail;
    private BudgetDraft? _draft;
    private RaiseDraft _raise = new();

    /// <summary>Which one.</summary>
    [Parameter]
    public Guid Id { get; set; }

    [SupplyParameterFromQuery]
    private string? Do { get; set; }

    // A reservation is no event, and a forecast changes by the passing of time alone.
    /// <inheritdoc />
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(5);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) =>
        happened.Record.Kind == "cost.recorded" || (happened.Record.SubjectType == "budget" && happened.Record.SubjectId == Id.ToString());

    /// <inheritdoc />
    protected override async Task ReadAsync() => _detail = await Queries.FindAsync(Id, Closed);

    private void Open(string what)
    {
        (_draft, _raise, Problem) = (null, new RaiseDraft(), null);
        SetInAddress("do", what);
    }

    private void Close() => SetInAddress("do", null);

    private async Task SaveAsync() => await FinishAsync(await DoAsync(caller => Change.ExecuteAsync(Id, _draft!.ToChange(), caller, Closed)));

    private async Task RaiseAsync() => await FinishAsync(await DoAsync(caller => Override.ExecuteAsync(Id, _raise.ToRequest(), caller, null, Closed)));

    private async Task DeleteAsync()
    {
        if (await DoAsync(caller => Delete.ExecuteAsync(Id, caller, Closed)))
        {
            Navigation.NavigateTo("/budgets");
        }
    }

    private async Task FinishAsync(bool done)
    {
        if (done)
        {
            Close();
            await RefreshAsync();
        }
    }
}
