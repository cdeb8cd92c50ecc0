namespace ControlCenter.Domain.Agents;

/// <summary>A founder's command to a running agent, delivered until it is acknowledged (CB-09).</summary>
public sealed class Intervention
{
    /// <summary>UUIDv7.</summary>
    public Guid Id { get; init; }

    /// <summary>The agent that it is for.</summary>
    public Guid AgentId { get; init; }

    /// <summary>What it asks for.</summary>
    public InterventionKind Kind { get; init; }

    /// <summary>The message, or the reason.</summary>
    public string? Text { get; init; }

    /// <summary>Who asked.</summary>
    public Guid RequestedBy { get; init; }

    /// <summary>Database time.</summary>
    public DateTimeOffset RequestedAt { get; init; }

    /// <summary>When the agent said that it had it; null until then.</summary>
    public DateTimeOffset? AcknowledgedAt { get; init; }

    /// <summary>When it was seen to have taken effect: the process held still, gone on, ended, the message handed over. Null until then, and for agents that no host of ours runs.</summary>
    public DateTimeOffset? EffectiveAt { get; init; }
}
