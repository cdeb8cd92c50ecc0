using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Events;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Work;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Agents;

/// <summary>One agent: what it holds, what it did, what it was told.</summary>
public sealed partial class AgentPage
{
    private const int MostTasks = 10;
    private const int MostEvents = 15;
    private const int MostRuntimes = 5;

    private AgentView? _agent;
    private IReadOnlyList<TaskView> _tasks = [];
    private IReadOnlyList<InterventionView> _interventions = [];
    private IReadOnlyList<EventRecord> _events = [];
    private IReadOnlyList<RuntimeView> _runtimes = [];
    private InterventionKind? _writing;
    private string? _text;

    /// <summary>Which agent.</summary>
    [Parameter]
    public Guid Id { get; set; }

    /// <summary>A heartbeat that changes nothing has no event: its time and its figures are looked up.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(5);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) =>
        happened.Record.ActorId == Id || happened.AgentId == Id || happened.Record.SubjectId == Id.ToString();

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _agent = await Queries.FindAsync(Id, Closed);
        _tasks = (await Tasks.ListAsync(new TaskFilter(AgentId: Id), new PageRequest(MostTasks), Closed)).Items;
        _runtimes = (await Runtimes.ListAsync(new RuntimeFilter(Agent: Id), new PageRequest(MostRuntimes), Closed)).Items;
        _interventions = await Queries.InterventionsAsync(Id, Closed);
        _events = await Log.ReadBeforeAsync(Feed.Head + 1, new EventFilter(ActorId: Id), MostEvents, Closed);
    }

    private static string TitleOf(InterventionKind kind, AgentView agent) => kind switch
    {
        InterventionKind.Stop => $"Stop {agent.Name}?",
        InterventionKind.Pause => $"Pause {agent.Name}",
        _ => $"Message to {agent.Name}",
    };

    private static string? ConsequenceOf(InterventionKind kind) => kind switch
    {
        InterventionKind.Stop => "It is told to end, and is held: it is not started again until it is resumed. A task that it drops is given to another agent.",
        InterventionKind.Pause => "It is told to hold still, and gets no new task until it is resumed. What it holds stays its own for as long as it renews its lease.",
        _ => null,
    };

    // Told to stop and not to resume since: the newest first, and messages and pauses change nothing of it.
    private bool IsHeld => _agent is { Paused: true }
        || _interventions.FirstOrDefault(i => i.Kind is InterventionKind.Stop or InterventionKind.Resume) is { Kind: InterventionKind.Stop };

    private void Begin(InterventionKind kind) => (_writing, _text, Problem) = (kind, null, null);

    private async Task SendAsync(InterventionKind kind, string? text)
    {
        if (await DoAsync(caller => Intervene.ExecuteAsync(Id, new InterventionRequest(kind, string.IsNullOrWhiteSpace(text) ? null : text.Trim()), caller, null, Closed)))
        {
            _writing = null;
            await RefreshAsync();
        }
    }
}
