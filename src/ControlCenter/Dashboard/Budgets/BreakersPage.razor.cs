using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Budgets;

/// <summary>Breakers of spending: what is open, and by which policies they open.</summary>
public sealed partial class BreakersPage
{
    private IReadOnlyList<SpendBreakerView> _open = [];
    private IReadOnlyList<BreakerPolicyView> _policies = [];
    private IReadOnlyList<AgentView> _agents = [];
    private BreakerDraft? _draft;

    [SupplyParameterFromQuery]
    private string? Do { get; set; }

    [SupplyParameterFromQuery]
    private string? Policy { get; set; }

    private BreakerPolicyView? Named => _policies.FirstOrDefault(p => p.Name == Policy);

    // The dialog may be opened by its address alone.
    private BreakerDraft Draft => _draft ??= Do == "edit" && Named is { } policy ? BreakerDraft.Of(policy) : new BreakerDraft();

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.SubjectType == "spend_breaker";

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _policies = (await Queries.PoliciesAsync(Closed)).Items;
        _open = await Queries.OpenAsync(Closed);
        _agents = (await Agents.ListAsync(new PageRequest(PageRequest.MostItems), Closed)).Items;
    }

    private void Open(string what, string? policy)
    {
        (_draft, Problem) = (null, null);
        GoTo(what, policy);
    }

    private void Close()
    {
        (_draft, Problem) = (null, null);
        GoTo(null, null);
    }

    private void GoTo(string? what, string? policy) => Navigation.NavigateTo(
        Navigation.GetUriWithQueryParameters(new Dictionary<string, object?> { ["do"] = what, ["policy"] = policy }), replace: true);

    private async Task SaveAsync() => await FinishAsync(await DoAsync(caller => Set.ExecuteAsync(Draft.Name.Trim(), Draft.ToRequest(), caller, Closed)));

    private async Task DeleteAsync() => await FinishAsync(await DoAsync(caller => Delete.ExecuteAsync(Policy!, caller, Closed)));

    private async Task ResetAsync(string id)
    {
        await DoAsync(caller => Reset.ExecuteAsync(id, caller, null, Closed));
        await RefreshAsync();
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
