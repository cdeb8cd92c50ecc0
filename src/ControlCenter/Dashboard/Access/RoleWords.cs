using ControlCenter.Domain.Access;

namespace ControlCenter.Dashboard.Access;

/// <summary>The roles, for people.</summary>
internal static class RoleWords
{
    /// <summary>Its name.</summary>
    public static string Of(Role role) => role switch
    {
        Role.FounderAdmin => "Founder",
        Role.SystemService => "Service",
        Role.AgentRuntime => "Agent",
        Role.EmergencyOperator => "Emergency operator",
        _ => "Observer",
    };

    /// <summary>What it may do.</summary>
    public static string MayOf(Role role) => role switch
    {
        Role.FounderAdmin => "May do everything.",
        Role.SystemService => "Runs the fleet: plans work, registers agents and acts for them. Decides nothing.",
        Role.AgentRuntime => "Acts as itself only.",
        Role.EmergencyOperator => "Decides, cancels, stops agents and changes admission when you cannot. Plans no work.",
        _ => "Sees the pages and changes nothing.",
    };
}
