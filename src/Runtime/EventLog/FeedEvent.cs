using System.Text.Json;
using ControlCenter.Domain.Events;

namespace ControlCenter.Runtime.EventLog;

/// <summary>An event on its way to the readers of this host: what it says, who is to hear it, and the bytes that a stream sends.</summary>
public sealed class FeedEvent
{
    private readonly Lazy<byte[]> _frame;

    /// <summary>Prepares a record for its readers.</summary>
    public FeedEvent(EventRecord record)
    {
        Record = record;
        Channels = EventChannels.Of(record.Kind);
        AgentId = IsForOneAgent(record.Kind) ? AgentIn(record.Data) : null;
        _frame = new Lazy<byte[]>(() => EventWire.Frame(record), LazyThreadSafetyMode.PublicationOnly);
    }

    /// <summary>What happened.</summary>
    public EventRecord Record { get; }

    /// <summary>The channels that carry it.</summary>
    public EventChannel Channels { get; }

    /// <summary>The agent whose own channel carries it: interventions, decisions and lease losses.</summary>
    public Guid? AgentId { get; }

    /// <summary>The stream's message, made once for all who get it.</summary>
    public ReadOnlyMemory<byte> Frame => _frame.Value;

    /// <summary>The event alone, as one JSON object.</summary>
    public ReadOnlyMemory<byte> Json => EventWire.JsonIn(Frame);

    /// <summary>Whether <paramref name="scope"/> covers this event.</summary>
    public bool IsWithin(FeedScope scope) =>
        scope.Channel == EventChannel.Agent ? AgentId is { } agent && agent == scope.AgentId : (Channels & scope.Channel) != 0;

    private static bool IsForOneAgent(string kind) =>
        kind.StartsWith("intervention.", StringComparison.Ordinal)
        || kind is "escalation.decided" or "escalation.expired" or "escalation.cancelled" or "lease.expired" or "lease.revoked";

    private static Guid? AgentIn(string data)
    {
        using var document = JsonDocument.Parse(data);
        return document.RootElement.ValueKind == JsonValueKind.Object
            && document.RootElement.TryGetProperty("agent_id", out var id) && id.TryGetGuid(out var agent)
            ? agent
            : null;
    }
}

/// <summary>Which part of the feed a reader is to hear.</summary>
/// <param name="Channel">One channel.</param>
/// <param name="AgentId">Whose, for <see cref="EventChannel.Agent"/>.</param>
public readonly record struct FeedScope(EventChannel Channel, Guid AgentId)
{
    /// <summary>Everything.</summary>
    public static readonly FeedScope Everything = new(EventChannel.All, Guid.Empty);
}
