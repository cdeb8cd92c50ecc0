namespace ControlCenter.Domain.Access;

/// <summary>Anyone or anything that can call the bus: a human, a service, an agent, or the host itself.</summary>
public sealed class Actor
{
    /// <summary>The host itself, as the author of what it does on its own (expiry, sweeps, probes).</summary>
    public static readonly Guid HostId = new("00000000-0000-7000-8000-000000000001");

    /// <summary>The founder, who is there from the first start.</summary>
    public static readonly Guid FounderId = new("00000000-0000-7000-8000-000000000002");

    /// <summary>UUIDv7, or one of the two fixed ids.</summary>
    public Guid Id { get; init; }

    /// <summary>Unique.</summary>
    public required string Name { get; init; }

    /// <summary>What it may do (<see cref="PermissionMatrix"/>).</summary>
    public Role Role { get; init; }

    /// <summary>Database time.</summary>
    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Whether an actor gets in.</summary>
public enum AccessState
{
    /// <summary>A key of it is in force.</summary>
    Active,

    /// <summary>Its keys have run out.</summary>
    Expired,

    /// <summary>Its keys were revoked.</summary>
    Revoked,
}

/// <summary>How something that is in the audit ended.</summary>
public enum AuditOutcome
{
    /// <summary>It was done.</summary>
    Done,

    /// <summary>It was refused: its action ends in <c>.refused</c>.</summary>
    Refused,
}

/// <summary>A bearer key, of which only the hash is kept.</summary>
public sealed class ApiKey
{
    /// <summary>UUIDv7.</summary>
    public Guid Id { get; init; }

    /// <summary>Whose it is.</summary>
    public Guid ActorId { get; init; }

    /// <summary>SHA-256 of the key's UTF-8 bytes. Keys have 256 bits of entropy, so no slow hash is needed.</summary>
    public required byte[] Hash { get; init; }

    /// <summary>The first characters, by which its owner can tell it from others.</summary>
    public required string Prefix { get; init; }

    /// <summary>Database time.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Database time after which it is refused; null for never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When it was revoked; null while it is good.</summary>
    public DateTimeOffset? RevokedAt { get; init; }

    /// <summary>When it was last used, to the minute; null if never.</summary>
    public DateTimeOffset? LastUsedAt { get; init; }
}

/// <summary>A line of the security audit: who did, or tried to do, what (blueprint 11.8). Append-only.</summary>
public sealed class AuditEntry
{
    /// <summary>UUIDv7.</summary>
    public Guid Id { get; init; }

    /// <summary>Database time.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>Who; null when the caller could not be told.</summary>
    public Guid? ActorId { get; init; }

    /// <summary>What: <c>sign_in.succeeded</c>, <c>key.created</c>, <c>access.refused</c>, …</summary>
    public required string Action { get; init; }

    /// <summary>What it was done to.</summary>
    public string? Subject { get; init; }

    /// <summary>Anything more: JSON.</summary>
    public string? Detail { get; init; }

    /// <summary>The trace that ties it to logs and events.</summary>
    public Guid? CorrelationId { get; init; }
}
