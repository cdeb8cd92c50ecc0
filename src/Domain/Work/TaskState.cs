using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;

namespace ControlCenter.Domain.Work;

/// <summary>Where a task stands (bus-api.md, Work).</summary>
public enum TaskState
{
    /// <summary>A task that it depends on is unfinished.</summary>
    Blocked,

    /// <summary>May be claimed.</summary>
    Ready,

    /// <summary>Claimed; no sign of work yet.</summary>
    Leased,

    /// <summary>Its holder has reported progress.</summary>
    Running,

    /// <summary>Its holder has asked a human and waits.</summary>
    WaitingHuman,

    /// <summary>Done.</summary>
    Completed,

    /// <summary>Given up.</summary>
    Failed,

    /// <summary>Stopped by a human.</summary>
    Cancelled,
}

/// <summary>What can happen to a task.</summary>
public enum TaskTrigger
{
    /// <summary>Its last dependency was completed.</summary>
    DependenciesMet,

    /// <summary>It was made to wait for another task.</summary>
    DependencyAdded,

    /// <summary>An agent took it.</summary>
    Claimed,

    /// <summary>The first progress or checkpoint.</summary>
    Started,

    /// <summary>Its holder asked a human.</summary>
    AskedHuman,

    /// <summary>The human answered.</summary>
    Answered,

    /// <summary>Its holder handed in the work.</summary>
    Completed,

    /// <summary>Its holder said that another attempt is no use.</summary>
    FailedForGood,

    /// <summary>Its holder failed and another attempt is left.</summary>
    FailedRetryably,

    /// <summary>The lease ran out and another attempt is left.</summary>
    LeaseExpired,

    /// <summary>The last attempt failed or ran out.</summary>
    AttemptsExhausted,

    /// <summary>Its holder gave it back.</summary>
    Released,

    /// <summary>A human cancelled it.</summary>
    Cancelled,
}

/// <summary>Which move is allowed: one table, used by code, tests and documentation (WG-03).</summary>
public static class TaskTransitions
{
    private static readonly TaskState[] Held = [TaskState.Leased, TaskState.Running, TaskState.WaitingHuman];

    /// <summary>Every allowed move.</summary>
    public static IReadOnlyDictionary<(TaskState From, TaskTrigger Trigger), TaskState> Table { get; } = Build();

    /// <summary>The states that have no way out.</summary>
    public static bool IsTerminal(TaskState state) => state is TaskState.Completed or TaskState.Failed or TaskState.Cancelled;

    /// <summary>The states in which an agent holds a lease.</summary>
    public static bool HoldsLease(TaskState state) => Array.IndexOf(Held, state) >= 0;

    /// <summary>The state that follows.</summary>
    /// <exception cref="ConflictException"><c>invalid_transition</c>, naming what is allowed.</exception>
    public static TaskState Next(TaskState from, TaskTrigger trigger)
    {
        if (Table.TryGetValue((from, trigger), out var to))
        {
            return to;
        }

        var allowed = Table.Keys.Where(k => k.From == from).Select(k => WireNames<TaskTrigger>.ToWire(k.Trigger)).ToArray();
        throw new ConflictException(
            ProblemTypes.InvalidTransition,
            $"A task that is {WireNames<TaskState>.ToWire(from)} cannot be {WireNames<TaskTrigger>.ToWire(trigger)}; "
            + (allowed.Length == 0 ? "it has ended." : $"allowed: {string.Join(", ", allowed)}."));
    }

    private static Dictionary<(TaskState, TaskTrigger), TaskState> Build()
    {
        var table = new Dictionary<(TaskState, TaskTrigger), TaskState>
        {
            [(TaskState.Blocked, TaskTrigger.DependenciesMet)] = TaskState.Ready,
            [(TaskState.Blocked, TaskTrigger.Cancelled)] = TaskState.Cancelled,
            [(TaskState.Ready, TaskTrigger.DependencyAdded)] = TaskState.Blocked,
            [(TaskState.Ready, TaskTrigger.Claimed)] = TaskState.Leased,
            [(TaskState.Ready, TaskTrigger.Cancelled)] = TaskState.Cancelled,
            [(TaskState.Leased, TaskTrigger.Started)] = TaskState.Running,
            [(TaskState.Leased, TaskTrigger.AskedHuman)] = TaskState.WaitingHuman,
            [(TaskState.Running, TaskTrigger.AskedHuman)] = TaskState.WaitingHuman,
            [(TaskState.WaitingHuman, TaskTrigger.Answered)] = TaskState.Running,
        };
        foreach (var held in Held)
        {
            table[(held, TaskTrigger.Completed)] = TaskState.Completed;
            table[(held, TaskTrigger.FailedForGood)] = TaskState.Failed;
            table[(held, TaskTrigger.FailedRetryably)] = TaskState.Ready;
            table[(held, TaskTrigger.LeaseExpired)] = TaskState.Ready;
            table[(held, TaskTrigger.AttemptsExhausted)] = TaskState.Failed;
            table[(held, TaskTrigger.Released)] = TaskState.Ready;
            table[(held, TaskTrigger.Cancelled)] = TaskState.Cancelled;
        }

        return table;
    }
}
