namespace ControlCenter.Domain.Execution;

/// <summary>How far a runtime (one running instance of an agent) has come, as it was observed (CB-07).</summary>
public enum RuntimePhase
{
    /// <summary>Somebody asked for it; it waits for a slot.</summary>
    Requested,

    /// <summary>A host has given it a slot, under a lease.</summary>
    Granted,

    /// <summary>Its process was seen: process id and start time. From here on it counts as running.</summary>
    Observed,

    /// <summary>Its first sign of life was seen.</summary>
    Ready,

    /// <summary>It is over; <see cref="RuntimeEnd"/> says how.</summary>
    Ended,
}

/// <summary>How a runtime ended.</summary>
public enum RuntimeEnd
{
    /// <summary>Its process ended by itself, with exit code 0.</summary>
    Exited,

    /// <summary>Its process ended by itself, with another exit code or by a signal that was not ours.</summary>
    Failed,

    /// <summary>It was told to stop, and did.</summary>
    Stopped,

    /// <summary>It was told to stop, did not within 10 s, and its whole tree was killed.</summary>
    Killed,

    /// <summary>It did not get to its next phase in time.</summary>
    TimedOut,

    /// <summary>Its host could not start it.</summary>
    NotStarted,

    /// <summary>Its host, or the process, is gone and nobody saw how.</summary>
    Lost,

    /// <summary>It used more than its definition allows: memory, wall time, iterations, tokens.</summary>
    LimitExceeded,

    /// <summary>It was called off before it ran.</summary>
    Cancelled,
}

/// <summary>What a runtime is to be doing; its host brings it there and says when it is.</summary>
public enum DesiredState
{
    /// <summary>Run.</summary>
    Run,

    /// <summary>Be held still, keeping its lease.</summary>
    Pause,

    /// <summary>End: SIGTERM, and after <see cref="RuntimeTimeouts.StopGrace"/> SIGKILL to the whole tree.</summary>
    Stop,
}

/// <summary>Where a host (a machine that runs agents) stands.</summary>
public enum HostState
{
    /// <summary>It was let in and has not reported yet.</summary>
    Invited,

    /// <summary>It reports.</summary>
    Online,

    /// <summary>It reports, and is given nothing new.</summary>
    Draining,

    /// <summary>It has not reported for <see cref="RuntimeTimeouts.HostLost"/>.</summary>
    Lost,

    /// <summary>It said that it leaves.</summary>
    Left,
}

/// <summary>How long each step may take.</summary>
public static class RuntimeTimeouts
{
    /// <summary>From requested to granted, where there is a task that somebody else could do: 2 min.</summary>
    public static readonly TimeSpan Grant = TimeSpan.FromMinutes(2);

    /// <summary>From granted, or from the last report that named it as granted, to observed: 20 s.</summary>
    public static readonly TimeSpan Observe = TimeSpan.FromSeconds(20);

    /// <summary>From granted to observed however often it was named, with its checkout and the starts before it: 6 min.</summary>
    public static readonly TimeSpan Start = TimeSpan.FromMinutes(6);

    /// <summary>From observed to ready: 60 s.</summary>
    public static readonly TimeSpan Ready = TimeSpan.FromSeconds(60);

    /// <summary>From SIGTERM to SIGKILL: 10 s.</summary>
    public static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(10);

    /// <summary>From the end of a host's agents to its own, for the bus to be told of it: 10 s.</summary>
    public static readonly TimeSpan LastWords = TimeSpan.FromSeconds(10);

    /// <summary>A host reports at the least this often: 15 s.</summary>
    public static readonly TimeSpan HostReport = TimeSpan.FromSeconds(15);

    /// <summary>A host that was silent for so long is lost, and its runtimes with it: 45 s, three reports.</summary>
    public static readonly TimeSpan HostLost = TimeSpan.FromSeconds(45);
}
