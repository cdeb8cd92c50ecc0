using ControlCenter.Domain.Execution;

namespace ControlCenter.Runtime.Orchestration;

/// <summary>What becomes of a task, and why.</summary>
/// <param name="Task">Which.</param>
/// <param name="Outcome"><c>spawned</c>, <c>idle_agent</c> or <c>waits</c>.</param>
/// <param name="Reason">In words. The same as long as nothing that matters has changed, so that waiting is told once.</param>
/// <param name="Candidates">Everyone who was considered.</param>
/// <param name="Agent">The idle agent that it is left to.</param>
/// <param name="Definition">What is to be started.</param>
/// <param name="Host">Where that is most likely.</param>
internal sealed record AssignmentDecision(
    ReadyTask Task, string Outcome, string Reason, IReadOnlyList<AssignmentCandidate> Candidates, IdleAgent? Agent = null, DefinitionReading? Definition = null, HostReading? Host = null)
{
    public const string Spawned = "spawned", IdleAgent = "idle_agent", Waits = "waits";

    /// <summary>Whether it says anything that was not said before.</summary>
    public bool IsNews => Task.LastOutcome != Outcome || Task.LastReason != Reason;
}

/// <summary>One look at everything that is ready: each task in its turn, with what those before it have taken counted in.</summary>
internal sealed class AssignmentRound(AssignmentSituation situation, AssignmentPolicy policy, Func<string?, (string? Problem, decimal? Price)> reach)
{
    // A few of each definition wait for a slot so that a host that has one is never without; more would only hold agents.
    private const int FewestWaitingForSlot = 4;

    private readonly List<IdleAgent> _idle = [.. situation.Idle];
    private readonly Dictionary<string, int> _underWay = new(situation.UnderWay, StringComparer.Ordinal);
    private readonly Dictionary<Guid, int> _running = situation.Definitions.ToDictionary(d => d.Id, d => d.Running);
    private readonly Dictionary<string, HostReading> _hosts = situation.Hosts.ToDictionary(h => h.Name, StringComparer.Ordinal);
    private readonly Dictionary<Guid, (string? Problem, decimal? Price)> _models = situation.Definitions.ToDictionary(d => d.Id, d => reach(d.Body.ModelRoute));
    private readonly Dictionary<Guid, int> _waitingForSlot = situation.Definitions.ToDictionary(d => d.Id, d => situation.WaitingForSlot.GetValueOrDefault(d.Id));

    /// <summary>Decides about a task; what it takes is taken.</summary>
    public AssignmentDecision Decide(ReadyTask task)
    {
        if (Withheld(task) is { } reason)
        {
            return new AssignmentDecision(task, AssignmentDecision.Waits, reason, []);
        }

        return (task.OfferedSecondsAgo ?? 0) < policy.IdleAgentSeconds && _idle.Find(a => task.Required.All(a.Capabilities.Contains)) is { } idle
            ? LeaveTo(task, idle)
            : Start(task);
    }

    /// <summary>Takes back what a start would have taken, where it was refused.</summary>
    public void Undo(AssignmentDecision decision)
    {
        _running[decision.Definition!.Id]--;
        _underWay[decision.Task.Project ?? ""]--;
        _waitingForSlot[decision.Definition.Id]--;
    }

    // Agents claim by themselves: which of two idle ones is faster is no reason to tell it anew.
    private AssignmentDecision LeaveTo(ReadyTask task, IdleAgent idle)
    {
        _idle.Remove(idle);
        return task.LastOutcome == AssignmentDecision.IdleAgent
            ? new AssignmentDecision(task, AssignmentDecision.IdleAgent, task.LastReason!, [], Agent: idle)
            : new AssignmentDecision(task, AssignmentDecision.IdleAgent, $"{idle.Name} has nothing to do and is able to do it: it is left to claim it", [], Agent: idle);
    }

    private string? Withheld(ReadyTask task) =>
        situation.GlobalBudgetUsedUp ? "the global budget is used up"
        : task.Withheld is { } withheld ? withheld
        : _underWay.GetValueOrDefault(task.Project ?? "") >= policy.MostPerProject ? $"{(task.Project is { } project ? $"the project '{project}'" : "work without a project")} has {policy.MostPerProject} tasks under way, which is the most"
        : situation.WaitingEscalations > policy.MostWaitingEscalations ? $"more than {policy.MostWaitingEscalations} escalations wait for the founder: nothing new is started until some are answered"
        : null;

    private AssignmentDecision Start(ReadyTask task)
    {
        var wanted = new TaskToAssign(task.Required, task.Priority);
        var candidates = AssignmentScore.Rank(wanted, [.. situation.Definitions.Select(d => ToAssign(task, d))], [.. _hosts.Values.Select(ToAssign)], policy);
        if (candidates is not [{ Score: not null } best, ..])
        {
            return new AssignmentDecision(task, AssignmentDecision.Waits, WhyNobody(wanted, candidates), candidates);
        }

        var definition = situation.Definitions.Find(d => d.Body.Name == best.Definition)!;
        if (_waitingForSlot[definition.Id] >= Math.Max(FewestWaitingForSlot, 2 * _hosts.Count))
        {
            return new AssignmentDecision(task, AssignmentDecision.Waits, "others of its definition wait for a slot already: it is asked for once they have one", candidates);
        }

        var host = _hosts[best.Host!];
        _hosts[host.Name] = host with { Runtimes = host.Runtimes + 1, UsedMb = host.UsedMb + (definition.MemoryMb ?? AssignmentScore.UnknownMemoryMb) };
        _running[definition.Id]++;
        _underWay[task.Project ?? ""] = _underWay.GetValueOrDefault(task.Project ?? "") + 1;
        _waitingForSlot[definition.Id]++;
        var others = candidates.Count(c => c.Score is not null) - 1;
        return new AssignmentDecision(
            task, AssignmentDecision.Spawned, $"{best.Definition} on {best.Host} scored {best.Score:0.#}{(others > 0 ? $", the most of {others + 1}" : "")}: {string.Join("; ", best.Reasons)}",
            candidates, Definition: definition, Host: host);
    }

    private string WhyNobody(TaskToAssign task, IReadOnlyList<AssignmentCandidate> candidates)
    {
        if (candidates.Count > 0)
        {
            return string.Join("; ", candidates.Select(c => $"{c.Definition}: {string.Join(", ", c.Reasons)}"));
        }

        var missing = AssignmentScore.Missing(task, situation.Definitions.Select(d => d.Body.Capabilities));
        return missing.Count > 0
            ? $"no agent's definition has the capability {string.Join(", ", missing)}"
            : $"no one agent's definition has all of {string.Join(", ", task.RequiredCapabilities)}";
    }

    private DefinitionToAssign ToAssign(ReadyTask task, DefinitionReading definition) => new(
        definition.Body.Name, definition.Body.Capabilities, definition.Body.HostLabels, definition.Body.Instances, _running[definition.Id], definition.MemoryMb,
        situation.Failures.GetValueOrDefault((task.Id, definition.Id)), situation.Sessions.GetValueOrDefault((task.Id, definition.Id)),
        _models[definition.Id].Price, _models[definition.Id].Problem);

    private static HostToAssign ToAssign(HostReading host) => new(host.Name, host.Labels, host.MemoryMb, host.UsedMb, host.Runtimes);
}
