using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Execution;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Runtimes;

/// <summary>One runtime: how far it has come, what it puts out, and what it is told.</summary>
public sealed partial class RuntimePage
{
    private RuntimeDetail? _runtime;
    private IReadOnlyList<InterventionView> _told = [];
    private InterventionKind? _writing;
    private string? _text;
    private bool _holdsAgent;

    /// <summary>Which runtime.</summary>
    [Parameter]
    public Guid Id { get; set; }

    /// <summary>Memory and turns have no event: they are looked up.</summary>
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(3);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) =>
        happened.Record.SubjectId == Id.ToString() || (_runtime is { } known && (happened.AgentId == known.Runtime.AgentId || happened.Record.SubjectId == known.Runtime.AgentId.ToString()));

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        _runtime = await Queries.FindAsync(Id, Closed);

        // An agent is told things over many runtimes of it: here are those of this one's time.
        _told = _runtime is not { Runtime: var r } ? []
            : [.. (await Agents.InterventionsAsync(r.AgentId, Closed)).Where(i => i.RequestedAt >= r.RequestedAt && (r.EndedAt is null || i.RequestedAt <= r.EndedAt))];
    }

    private static string TitleOf(InterventionKind kind, RuntimeView runtime) => kind switch
    {
        InterventionKind.Stop => $"Stop {runtime.AgentName}?",
        InterventionKind.Pause => $"Pause {runtime.AgentName}",
        _ => $"Message to {runtime.AgentName}",
    };

    private static string? ConsequenceOf(InterventionKind kind) => kind switch
    {
        InterventionKind.Stop => $"Its processes, and those of what it has started, are asked to end, and killed after {RuntimeTimeouts.StopGrace.TotalSeconds:0} s. Its task is given out again, also to the same agent; to keep it from that, hold the agent, or cancel the task.",
        InterventionKind.Pause => "Its processes are held still where they are. It keeps its task, and goes on when it is resumed.",
        _ => null,
    };

    private void Begin(InterventionKind kind) => (_writing, _text, _holdsAgent, Problem) = (kind, null, false, null);

    private Task ResumeAsync()
    {
        _text = null;
        return SendAsync(InterventionKind.Resume);
    }

    private async Task SendAsync(InterventionKind kind)
    {
        var text = string.IsNullOrWhiteSpace(_text) ? null : _text.Trim();
        if (await DoAsync(caller => kind == InterventionKind.Stop && !_holdsAgent
            ? Stop.ExecuteAsync(Id, new StopRuntimeRequest(text), caller, null, Closed)
            : Intervene.ExecuteAsync(_runtime!.Runtime.AgentId, new InterventionRequest(kind, text), caller, null, Closed)))
        {
            _writing = null;
            await RefreshAsync();
        }
    }
}
