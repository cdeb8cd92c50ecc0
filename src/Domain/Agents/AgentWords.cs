namespace ControlCenter.Domain.Agents;

/// <summary>What an agent says that it is doing.</summary>
public enum AgentActivity
{
    /// <summary>Nothing; it would take work.</summary>
    Idle,

    /// <summary>It works.</summary>
    Working,

    /// <summary>It waits, for a human or a tool.</summary>
    Waiting,

    /// <summary>It is on its way out.</summary>
    Stopping,
}

/// <summary>What was seen of an agent (design.md, idea 4).</summary>
public enum Liveness
{
    /// <summary>Never heard of since it registered.</summary>
    Unknown,

    /// <summary>Heard of within the last minute.</summary>
    Live,

    /// <summary>Not heard of for 60 s.</summary>
    Stale,

    /// <summary>Not heard of for 180 s.</summary>
    Lost,
}

/// <summary>What a founder can tell an agent.</summary>
public enum InterventionKind
{
    /// <summary>Hold still; take no new work.</summary>
    Pause,

    /// <summary>Go on.</summary>
    Resume,

    /// <summary>End.</summary>
    Stop,

    /// <summary>Read this.</summary>
    Message,
}

/// <summary>When silence becomes a state (bus-api.md, Agents).</summary>
public static class LivenessRules
{
    /// <summary>60 s.</summary>
    public static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(60);

    /// <summary>180 s.</summary>
    public static readonly TimeSpan LostAfter = TimeSpan.FromSeconds(180);

    /// <summary>What an agent is that was last heard of so long ago; null for never.</summary>
    public static Liveness Of(TimeSpan? silence) =>
        silence is not { } time ? Liveness.Unknown
        : time >= LostAfter ? Liveness.Lost
        : time >= StaleAfter ? Liveness.Stale
        : Liveness.Live;
}
