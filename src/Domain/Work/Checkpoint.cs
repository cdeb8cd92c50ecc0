namespace ControlCenter.Domain.Work;

/// <summary>What an agent saved of its work, so that another can go on from it (OR-09).</summary>
public sealed class Checkpoint
{
    /// <summary>The largest state that is accepted, in bytes of UTF-8 (bus-api.md: ≤ 256 KiB).</summary>
    public const int MaxBytes = 256 * 1024;

    /// <summary>UUIDv7.</summary>
    public Guid Id { get; init; }

    /// <summary>The task that it belongs to.</summary>
    public Guid TaskId { get; init; }

    /// <summary>The lease under which it was saved.</summary>
    public Guid LeaseId { get; init; }

    /// <summary>The attempt in which it was saved.</summary>
    public int Attempt { get; init; }

    /// <summary>Any JSON, as the agent sent it.</summary>
    public required string State { get; init; }

    /// <summary>Size of the state in bytes of UTF-8.</summary>
    public int SizeBytes { get; init; }

    /// <summary>Database time.</summary>
    public DateTimeOffset CreatedAt { get; init; }
}
