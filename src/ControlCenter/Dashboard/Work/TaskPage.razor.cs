using ControlCenter.Domain.Escalations;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Orchestration;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Work;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Work;

/// <summary>One task's whole story.</summary>
public sealed partial class TaskPage
{
    private const int MostRuntimes = 10;

    private TaskDetail? _task;
    private TaskStory? _story;
    private TaskCosts? _costs;
    private IReadOnlyList<EscalationView> _asked = [];
    private IReadOnlyList<AssignmentView> _assignments = [];
    private IReadOnlyList<RuntimeView> _runtimes = [];
    private bool _cancelling;
    private string? _reason;

    /// <summary>Which task.</summary>
    [Parameter]
    public Guid Id { get; set; }

    /// <summary>Costs that are reported for several tasks at once name none of them in their event.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(30);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) => happened.Record.TaskId == Id;

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        var task = await Tasks.FindAsync(Id, Closed, withCheckpointState: false);
        if (task is not null)
        {
            _story = TaskStory.Of(task, await Tasks.CheckpointsAsync(Id, Closed));
            _asked = (await Escalations.ListAsync(new EscalationFilter(TaskId: Id), new PageRequest(), Closed)).Items;
            _costs = await Costs.FindAsync(Id, Closed);
            _assignments = (await Orchestrator.OfTaskAsync(Id, Closed))?.Items ?? [];
            _runtimes = (await Runtimes.ListAsync(new RuntimeFilter(Task: Id), new PageRequest(MostRuntimes), Closed)).Items;
        }

        _task = task;
    }

    private static string AddressOf(EscalationView asked) =>
        $"/escalations/{asked.EscalationId}{(asked.State == EscalationState.Waiting ? "" : "?decided=true")}";

    private void Begin() => (_cancelling, _reason, Problem) = (true, null, null);

    private async Task CancelAsync()
    {
        if (await DoAsync(caller => Cancel.ExecuteAsync(Id, new CancelTaskRequest(string.IsNullOrWhiteSpace(_reason) ? null : _reason.Trim()), caller, null, Closed)))
        {
            _cancelling = false;
            await RefreshAsync();
        }
    }
}
