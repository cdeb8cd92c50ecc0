using ControlCenter.Domain.Access;

namespace ControlCenter.Domain.Governance;

/// <summary>What the host admits, in growing order (blueprint 9.11.8).</summary>
public enum AdmissionLevel
{
    /// <summary>Nothing.</summary>
    Closed,

    /// <summary>Reading.</summary>
    ReadOnly,

    /// <summary>What humans do by hand.</summary>
    Manual,

    /// <summary>Maintenance jobs.</summary>
    Maintenance,

    /// <summary>Execution, watched.</summary>
    Controlled,

    /// <summary>Everything.</summary>
    Full,
}

/// <summary>What a level means.</summary>
public static class AdmissionRules
{
    /// <summary>Whether work is handed out.</summary>
    public static bool AdmitsExecution(AdmissionLevel level) => level >= AdmissionLevel.Controlled;

    /// <summary>Whether somebody of this role may spend on models: agents and services execute, the founder does by hand.</summary>
    public static bool AdmitsModelCalls(AdmissionLevel level, Role role) =>
        AdmitsExecution(level) || (role == Role.FounderAdmin && level >= AdmissionLevel.Manual);
}
