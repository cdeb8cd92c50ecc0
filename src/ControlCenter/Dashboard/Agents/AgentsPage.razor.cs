using ControlCenter.Domain.Agents;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Dashboard.Agents;

/// <summary>Every agent, as it was seen.</summary>
public sealed partial class AgentsPage
{
    private readonly LiveList<AgentView> _list = new();
    private bool _registering;

    /// <summary>A heartbeat that changes nothing has no event: its time and its figures are looked up.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(5);

    private string Summary
    {
        get
        {
            var count = $"{_list.Items.Count(a => a.Liveness == Liveness.Live)} live of {_list.Items.Count}{(_list.HasMore || _list.IsCut ? " shown" : "")}";
            var held = _list.Items.Sum(a => a.LeasesHeld);
            return held == 0 ? count : $"{count}, {held} {(held == 1 ? "task" : "tasks")} held";
        }
    }

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) =>
        happened.Record.SubjectType is "agent" or "intervention"
        || happened.Record.Kind is "task.claimed" or "task.completed" or "task.released" or "task.attempt_failed" or "task.cancelled" or "lease.expired";

    /// <inheritdoc />
    protected override Task ReadAsync() => _list.RefreshAsync(PageAsync);

    private Task<Page<AgentView>> PageAsync(PageRequest page) => Queries.ListAsync(page, Closed);

    private void Begin() => (_registering, Problem) = (true, null);

    private async Task<RegisteredAgent?> RegisterAsync(RegisterAgentRequest request)
    {
        RegisteredAgent? registered = null;
        await DoAsync(async caller => registered = (await Register.ExecuteAsync(request, caller, null, Closed)).Value);
        await RefreshAsync();

        // The dialog calls this as a function, which renders the dialog and not this page.
        StateHasChanged();
        return registered;
    }
}
