using ControlCenter.Runtime.Agents;

namespace ControlCenter.Dashboard.Agents;

/// <summary>An agent while it is being registered.</summary>
public sealed class AgentDraft
{
    /// <summary>Unique.</summary>
    public string Name { get; set; } = "";

    /// <summary>What it is.</summary>
    public string Kind { get; set; } = "script";

    /// <summary>What it can do, with commas.</summary>
    public string? Capabilities { get; set; }

    /// <summary>The machine that it runs on.</summary>
    public string? Host { get; set; }

    /// <summary>The request that it makes.</summary>
    public RegisterAgentRequest ToRequest() => new(
        Name, Kind,
        Capabilities?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
        string.IsNullOrWhiteSpace(Host) ? null : Host.Trim());
}
