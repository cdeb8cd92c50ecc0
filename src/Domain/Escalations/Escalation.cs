namespace ControlCenter.Domain.Escalations;

/// <summary>Something that an agent, or the host, asks of a human (ES-01).</summary>
public sealed class Escalation
{
    /// <summary>UUIDv7.</summary>
    public Guid Id { get; init; }

    /// <summary>What kind of answer is wanted.</summary>
    public EscalationKind Kind { get; init; }

    /// <summary>1 to 500 characters.</summary>
    public required string Title { get; init; }

    /// <summary>Up to 64 KiB.</summary>
    public string? Detail { get; init; }

    /// <summary>The task that it is about.</summary>
    public Guid? TaskId { get; init; }

    /// <summary>The ticket of that task.</summary>
    public Guid? TicketId { get; init; }

    /// <summary>The lease that waits for the answer.</summary>
    public Guid? LeaseId { get; init; }

    /// <summary>Who asks; an agent, or the host itself.</summary>
    public Guid RequestedBy { get; init; }

    /// <summary>The action that is to be approved: any JSON.</summary>
    public string? Action { get; init; }

    /// <summary>SHA-256 (lower-case hex) of the action's canonical JSON: what an approval is for (ES-05).</summary>
    public string? ActionHash { get; init; }

    /// <summary>The answers to choose from; empty when any will do.</summary>
    public string[] Options { get; init; } = [];

    /// <summary>Where it stands.</summary>
    public EscalationState State { get; init; }

    /// <summary>Database time.</summary>
    public DateTimeOffset OpenedAt { get; init; }

    /// <summary>Database time at which it expires, which is a no.</summary>
    public DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>An answer, kept as it was given: never edited, never deleted (ES-02).</summary>
public sealed class Decision
{
    /// <summary>UUIDv7.</summary>
    public Guid Id { get; init; }

    /// <summary>The one escalation that it answers.</summary>
    public Guid EscalationId { get; init; }

    /// <summary>The answer.</summary>
    public Verdict Verdict { get; init; }

    /// <summary>Why, or the answer in words.</summary>
    public string? Comment { get; init; }

    /// <summary>The option chosen.</summary>
    public string? Option { get; init; }

    /// <summary>The hash of the action that was before the decider's eyes.</summary>
    public string? ActionHash { get; init; }

    /// <summary>Who decided; the host itself for an expiry.</summary>
    public Guid DecidedBy { get; init; }

    /// <summary>Database time.</summary>
    public DateTimeOffset DecidedAt { get; init; }
}
