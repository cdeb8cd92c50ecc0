namespace ControlCenter.Domain.Work;

/// <summary>A unit of work that one agent at a time does under a lease (blueprint Part 3 §2; bus-api.md, Work).</summary>
public sealed class WorkTask
{
    /// <summary>UUIDv7.</summary>
    public Guid Id { get; init; }

    /// <summary>Order of creation; within a priority the lowest is claimed first.</summary>
    public long Ordinal { get; init; }

    /// <summary>The ticket that it is part of.</summary>
    public Guid TicketId { get; init; }

    /// <summary>1 to 500 characters.</summary>
    public required string Title { get; init; }

    /// <summary>What to do, for the agent; up to 64 KiB.</summary>
    public string? Instructions { get; init; }

    /// <summary>The set of capabilities that an agent must have all of (row of <c>capability_sets</c>).</summary>
    public int CapabilitySetId { get; init; }

    /// <summary>0 to 4, 4 first.</summary>
    public short Priority { get; init; }

    /// <summary>Where it stands (<see cref="TaskTransitions"/>).</summary>
    public TaskState State { get; init; }

    /// <summary>The attempt under way, or the next one: 1 at first, one more after each expired lease and each retryable failure.</summary>
    public int Attempt { get; init; }

    /// <summary>How many attempts there may be before the task has failed.</summary>
    public int MaxAttempts { get; init; }

    /// <summary>How long a lease on it lasts unless renewed, in seconds.</summary>
    public int LeaseSeconds { get; init; }

    /// <summary>Grows with each lease; a write that carries an older one is refused.</summary>
    public long FencingToken { get; init; }

    /// <summary>The lease in force, if any.</summary>
    public Guid? LeaseId { get; init; }

    /// <summary>The agent that holds the lease, or held the last one.</summary>
    public Guid? AgentId { get; init; }

    /// <summary>As last reported, 0 to 100.</summary>
    public short? Percent { get; init; }

    /// <summary>As last reported.</summary>
    public string? Message { get; init; }

    /// <summary>The newest checkpoint, handed over with the next claim.</summary>
    public Guid? CheckpointId { get; init; }

    /// <summary>What the agent handed in with completion: any JSON.</summary>
    public string? Result { get; init; }

    /// <summary>Why the last attempt failed.</summary>
    public string? Error { get; init; }

    /// <summary>The actor that planned it.</summary>
    public Guid CreatedBy { get; init; }

    /// <summary>Database time.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Database time of the last change of state.</summary>
    public DateTimeOffset UpdatedAt { get; init; }

    /// <summary>When it was completed, failed for good or cancelled.</summary>
    public DateTimeOffset? EndedAt { get; init; }
}
