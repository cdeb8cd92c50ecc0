namespace ControlCenter.Domain.Events;

/// <summary>The parts of the log that can be listened to (bus-api.md, <c>GET /stream</c>).</summary>
[Flags]
public enum EventChannel
{
    /// <summary>No channel.</summary>
    None = 0,

    /// <summary>Everything.</summary>
    All = 1,

    /// <summary>Tickets, tasks, leases.</summary>
    Work = 2,

    /// <summary>What humans are asked, and what they answered.</summary>
    Escalations = 4,

    /// <summary>What needs attention.</summary>
    Alerts = 8,

    /// <summary>Money.</summary>
    Costs = 16,

    /// <summary>What is for one agent: interventions, decisions, lease losses.</summary>
    Agent = 32,
}

/// <summary>Which channel carries what.</summary>
public static class EventChannels
{
    private static readonly Dictionary<string, EventChannel> Names = new(StringComparer.Ordinal)
    {
        ["all"] = EventChannel.All, ["work"] = EventChannel.Work, ["escalations"] = EventChannel.Escalations,
        ["alerts"] = EventChannel.Alerts, ["costs"] = EventChannel.Costs, ["agent"] = EventChannel.Agent,
    };

    private static readonly (string Family, EventChannel Channel)[] Families =
    [
        ("ticket.", EventChannel.Work), ("task.", EventChannel.Work), ("lease.", EventChannel.Work),
        ("escalation.", EventChannel.Escalations),
        ("alert.", EventChannel.Alerts), ("security.", EventChannel.Alerts), ("bus.", EventChannel.Alerts), ("budget.", EventChannel.Alerts | EventChannel.Costs),
        ("cost.", EventChannel.Costs),
    ];

    /// <summary>The names on the wire.</summary>
    public static IReadOnlyCollection<string> Wire => Names.Keys;

    /// <summary>The channel with this name.</summary>
    public static bool TryParse(string name, out EventChannel channel) => Names.TryGetValue(name, out channel);

    /// <summary>The name of a channel.</summary>
    public static string NameOf(EventChannel channel) => Names.First(n => n.Value == channel).Key;

    /// <summary>The channels that carry events of this kind, always <see cref="EventChannel.All"/> among them.</summary>
    public static EventChannel Of(string kind)
    {
        foreach (var (family, channel) in Families)
        {
            if (kind.StartsWith(family, StringComparison.Ordinal))
            {
                return EventChannel.All | channel;
            }
        }

        return EventChannel.All;
    }
}
