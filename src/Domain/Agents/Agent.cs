namespace ControlCenter.Domain.Agents;

/// <summary>A registered worker: its declared identity, and what was last seen of it (bus-api.md, Agents).</summary>
public sealed class Agent
{
    /// <summary>UUIDv7; also the id of its actor.</summary>
    public Guid Id { get; init; }

    /// <summary>Unique, 1 to 200 characters.</summary>
    public required string Name { get; init; }

    /// <summary>What it is: <c>claude-code</c>, <c>script</c>, …</summary>
    public required string Kind { get; init; }

    /// <summary>What it can do; a task that requires more is not handed to it.</summary>
    public string[] Capabilities { get; init; } = [];

    /// <summary>The machine that it says it runs on.</summary>
    public string? Host { get; init; }

    /// <summary>The surface that it says it runs in: a terminal, a service.</summary>
    public string? Surface { get; init; }

    /// <summary>What its last heartbeat said that it was doing; null before the first.</summary>
    public AgentActivity? Activity { get; init; }

    /// <summary>What its last heartbeat added in words.</summary>
    public string? Note { get; init; }

    /// <summary>Resident memory as last reported, in MB.</summary>
    public int? MemoryMb { get; init; }

    /// <summary>Processor use as last reported, 0 to 100 for each core.</summary>
    public decimal? CpuPercent { get; init; }

    /// <summary>Database time at which it was last heard of; null before the first heartbeat.</summary>
    public DateTimeOffset? LastHeartbeatAt { get; init; }

    /// <summary>As the watcher last recorded it, so that each change is told once.</summary>
    public Liveness Liveness { get; init; }

    /// <summary>Paused by the founder: the bus hands it no new work until it is resumed.</summary>
    public bool Paused { get; init; }

    /// <summary>Database time.</summary>
    public DateTimeOffset CreatedAt { get; init; }
}
