namespace ControlCenter.Domain.Work;

/// <summary>The right to work on a task, held for a time by a number that only grows (design.md, idea 3). One row an attempt's holder.</summary>
public sealed class Lease
{
    /// <summary>UUIDv7.</summary>
    public Guid Id { get; init; }

    /// <summary>The task that it is on.</summary>
    public Guid TaskId { get; init; }

    /// <summary>The agent that holds it.</summary>
    public Guid AgentId { get; init; }

    /// <summary>The task's attempt that it serves.</summary>
    public int Attempt { get; init; }

    /// <summary>Carried by every write under it.</summary>
    public long FencingToken { get; init; }

    /// <summary>Database time.</summary>
    public DateTimeOffset GrantedAt { get; init; }

    /// <summary>Database time after which it is no longer honoured, whether or not it has been swept yet.</summary>
    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When it ended; null while it is held.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why it ended; null while it is held.</summary>
    public LeaseEnd? EndReason { get; init; }
}

/// <summary>Why a lease ended.</summary>
public enum LeaseEnd
{
    /// <summary>Its task was completed under it.</summary>
    Completed,

    /// <summary>Its holder reported a failure.</summary>
    Failed,

    /// <summary>Its holder gave the task back.</summary>
    Released,

    /// <summary>It was not renewed in time.</summary>
    Expired,

    /// <summary>Its task was cancelled.</summary>
    Cancelled,

    /// <summary>An operator took it away.</summary>
    Revoked,
}
