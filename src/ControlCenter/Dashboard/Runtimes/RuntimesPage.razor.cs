using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Execution.Transcripts;
using ControlCenter.Runtime.Orchestration;
using ControlCenter.Runtime.Queries;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Runtimes;

/// <summary>What runs, what waits to, and why it waits.</summary>
public sealed partial class RuntimesPage
{
    private readonly LiveList<RuntimeView> _list = new();
    private IReadOnlyList<RuntimeView> _queue = [];
    private IReadOnlyList<WaitingTask> _waiting = [];
    private IReadOnlyDictionary<Guid, NumberedLine> _newest = new Dictionary<Guid, NumberedLine>();
    private OrchestratorView? _orchestrator;
    private bool? _listed;

    /// <summary>Those that are over.</summary>
    [SupplyParameterFromQuery(Name = "ended")]
    public bool Ended { get; set; }

    /// <summary>Only in this phase.</summary>
    [SupplyParameterFromQuery(Name = "phase")]
    public string? Phase { get; set; }

    /// <summary>A part of the agent's, task's or host's name.</summary>
    [SupplyParameterFromQuery(Name = "q")]
    public string? Search { get; set; }

    /// <summary>Memory and output have no event: they are looked up.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(Ended ? 15 : 3);

    private IReadOnlyList<RuntimeView> Shown => [.. _list.Items.Where(r => (Ended || r.Phase != RuntimePhase.Requested) && Fits(r))];

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) =>
        happened.Record.SubjectType is "runtime" or "host" || happened.Record.Kind is AssignTasks.Assigned or AssignTasks.Waits or "task.claimed" or "task.completed";

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        if (_listed != Ended)
        {
            _list.Reset();
            _listed = Ended;
        }

        await _list.RefreshAsync(PageAsync);
        _queue = Ended ? [] : [.. (await Queries.QueueAsync(Closed)).Where(Fits)];
        _orchestrator = await Orchestrator.StandingAsync(Closed);
        _waiting = _orchestrator?.WaitingTasks ?? [];
        _newest = await Transcripts.NewestAsync([.. Shown.Take(MostLines).Select(r => r.RuntimeId)], Closed);
    }

    // Each is a file that is looked into.
    private const int MostLines = 100;

    private bool Fits(RuntimeView runtime) =>
        string.IsNullOrWhiteSpace(Search) || new[] { runtime.AgentName, runtime.TaskTitle, runtime.Host, runtime.Definition }.Any(t => t?.Contains(Search.Trim(), StringComparison.OrdinalIgnoreCase) == true);

    private Task<Page<RuntimeView>> PageAsync(PageRequest page) => Queries.ListAsync(
        new RuntimeFilter(Phase: !Ended && WireNames<RuntimePhase>.TryParse(Phase, out var phase) ? phase : null, Live: !Ended), page, Closed);
}
