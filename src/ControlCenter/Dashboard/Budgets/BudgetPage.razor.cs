using ControlCenter.Domain.Governance;
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
    private TakeBackDraft _takeBack = new();

    /// <summary>Which one.</summary>
    [Parameter]
    public Guid Id { get; set; }

    [SupplyParameterFromQuery]
    private string? Do { get; set; }

    [SupplyParameterFromQuery]
    private string? Raise { get; set; }

    private BudgetOverrideView? ToTakeBack => _detail?.Overrides.FirstOrDefault(o => o.InForce && o.OverrideId.ToString() == Raise);

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
        (_draft, _raise, Problem) = (null, new RaiseDraft { Amount = BudgetRules.Plain(_detail!.Budget.HardLimit / 2) }, null);
        SetInAddress("do", what);
    }

    private void OpenTakeBack(Guid raise)
    {
        (_takeBack, Problem) = (new TakeBackDraft(), null);
        Navigation.NavigateTo(
            Navigation.GetUriWithQueryParameters(new Dictionary<string, object?> { ["do"] = "take-back", ["raise"] = raise.ToString() }), replace: true);
    }

    private void Close() => Navigation.NavigateTo(
        Navigation.GetUriWithQueryParameters(new Dictionary<string, object?> { ["do"] = null, ["raise"] = null }), replace: true);

    private async Task SaveAsync() => await FinishAsync(await DoAsync(caller => Change.ExecuteAsync(Id, _draft!.ToChange(), caller, Closed)));

    private async Task RaiseAsync() => await FinishAsync(await DoAsync(caller => Override.ExecuteAsync(Id, _raise.ToRequest(), caller, null, Closed)));

    private async Task TakeBackAsync(Guid raise) =>
        await FinishAsync(await DoAsync(caller => End.ExecuteAsync(Id, raise, _takeBack.ToRequest(), caller, null, Closed)));

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
