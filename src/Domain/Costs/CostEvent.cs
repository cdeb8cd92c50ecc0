namespace ControlCenter.Domain.Costs;

/// <summary>How a module was reached, and so how it is paid for (blueprint 8.14.2).</summary>
public enum AccessPath
{
    /// <summary>By the call.</summary>
    Api,

    /// <summary>By a subscription with windows.</summary>
    Subscription,

    /// <summary>On hardware of one's own, by the hour.</summary>
    SelfHosted,

    /// <summary>Several of these.</summary>
    Hybrid,
}

/// <summary>How well a cost is known. Not known is not zero (CO-14).</summary>
public enum CostKnowledge
{
    /// <summary>From the provider's own count at a price in force, or from its invoice.</summary>
    Exact,

    /// <summary>From an estimate of the usage or of the price.</summary>
    Estimated,

    /// <summary>Not at all.</summary>
    Unknown,
}

/// <summary>How a call of a module ended.</summary>
public enum CallEnd
{
    /// <summary>With its answer.</summary>
    Completed,

    /// <summary>The caller hung up.</summary>
    CutByClient,

    /// <summary>The provider broke off.</summary>
    CutByUpstream,

    /// <summary>With a provider's error.</summary>
    Failed,

    /// <summary>The provider asked to come back later.</summary>
    Throttled,

    /// <summary>The host died between the call and its settlement: nobody knows.</summary>
    Lost,
}

/// <summary>What a call used, in tokens. Null where the provider did not say.</summary>
/// <param name="Input">Read at the full price.</param>
/// <param name="Output">Written, reasoning included.</param>
/// <param name="CacheRead">Read from a cache.</param>
/// <param name="CacheWrite">Put into a cache.</param>
/// <param name="Reasoning">The part of the output that was reasoning.</param>
public readonly record struct TokenUsage(long? Input, long? Output, long? CacheRead = null, long? CacheWrite = null, long? Reasoning = null)
{
    /// <summary>Whether anything is known.</summary>
    public bool IsKnown => Input is not null || Output is not null;
}

/// <summary>For whom and for what a cost arose. What is null could not be attributed, and is shown as such (CO-02).</summary>
/// <param name="ActorId">Who called.</param>
/// <param name="AgentId">The agent, if an agent called.</param>
/// <param name="SessionId">The conversation, as its client names it.</param>
/// <param name="ActivityId">The activity, as its client names it.</param>
/// <param name="TaskId">The task that the agent held a lease on.</param>
/// <param name="TicketId">That task's ticket.</param>
/// <param name="Project">That ticket's project.</param>
/// <param name="Surface">What the agent runs in.</param>
/// <param name="NodeId">The machine that it runs on.</param>
public sealed record Attribution(
    Guid ActorId, Guid? AgentId = null, string? SessionId = null, string? ActivityId = null, Guid? TaskId = null, Guid? TicketId = null,
    string? Project = null, string? Surface = null, string? NodeId = null);

/// <summary>One cost, as it is kept for ever (blueprint 8.14.1, stage 3). A correction is an entry of its own.</summary>
public sealed record CostEvent
{
    /// <summary>The same id again counts once.</summary>
    public required Guid EventId { get; init; }

    /// <summary>When it arose.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>For whom and for what.</summary>
    public required Attribution Attribution { get; init; }

    /// <summary>The module by its canonical id.</summary>
    public string? ModuleId { get; init; }

    /// <summary>Its provider.</summary>
    public string? Provider { get; init; }

    /// <summary>How it was reached.</summary>
    public AccessPath? AccessPath { get; init; }

    /// <summary>Tokens, where it is a model's call.</summary>
    public TokenUsage Tokens { get; init; }

    /// <summary>What went in, in the module's own units; tokens of all kinds, for a model.</summary>
    public decimal? UsageUnitsIn { get; init; }

    /// <summary>What came out.</summary>
    public decimal? UsageUnitsOut { get; init; }

    /// <summary>By the price in force; null when it is not known.</summary>
    public decimal? EstimatedCost { get; init; }

    /// <summary>By the provider's bill; null until there is one.</summary>
    public decimal? BilledCost { get; init; }

    /// <summary>ISO 4217; null only when both costs are.</summary>
    public string? Currency { get; init; }

    /// <summary>How well the cost is known.</summary>
    public required CostKnowledge Knowledge { get; init; }

    /// <summary>The version of the price that it was reckoned by.</summary>
    public Guid? PriceId { get; init; }

    /// <summary>How the call ended; null for what was no call.</summary>
    public CallEnd? End { get; init; }

    /// <summary>From the request to the last byte.</summary>
    public int? LatencyMs { get; init; }

    /// <summary>Attempts after the first, on any module.</summary>
    public int Retries { get; init; }

    /// <summary>Modules that were tried before this one.</summary>
    public int Fallbacks { get; init; }

    /// <summary>Up to 2,000 characters; never a prompt or an answer.</summary>
    public string? Notes { get; init; }

    /// <summary>The entry that this one corrects. The amounts and units of a correction are differences: they are added to what was counted.</summary>
    public Guid? Corrects { get; init; }

    /// <summary>The invoice that this entry brings the books into line with; its amounts too are differences.</summary>
    public Guid? InvoiceId { get; init; }

    /// <summary>Whether something was used. What only corrects is counted in money, not in requests.</summary>
    public bool IsUse => Corrects is null && InvoiceId is null;
}
