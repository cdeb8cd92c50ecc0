namespace ControlCenter.Domain.Access;

/// <summary>The five roles (blueprint 11.3), and one for machines. A key has one.</summary>
public enum Role
{
    /// <summary>The founder: everything.</summary>
    FounderAdmin,

    /// <summary>A service of the founder's: runs the fleet, decides nothing.</summary>
    SystemService,

    /// <summary>An agent: acts as itself only.</summary>
    AgentRuntime,

    /// <summary>Somebody who may stop things and decide when the founder cannot.</summary>
    EmergencyOperator,

    /// <summary>Looks, and changes nothing.</summary>
    ReadOnlyObserver,

    /// <summary>A machine that runs agents: reports itself and what runs there, and does what it is told.</summary>
    HostRunner,
}

/// <summary>What can be done on the bus.</summary>
public enum Permission
{
    /// <summary>Read work, agents, escalations, events.</summary>
    ReadAll,

    /// <summary>Register agents.</summary>
    RegisterAgents,

    /// <summary>Claim, report and complete as oneself.</summary>
    ActAsSelf,

    /// <summary>The same for any agent.</summary>
    ActAsAnyAgent,

    /// <summary>Open tickets.</summary>
    CreateTickets,

    /// <summary>Change tickets.</summary>
    EditTickets,

    /// <summary>Plan tasks.</summary>
    CreateTasks,

    /// <summary>Cancel tasks.</summary>
    CancelTasks,

    /// <summary>Post events.</summary>
    PostEvents,

    /// <summary>Ask a human.</summary>
    OpenEscalations,

    /// <summary>Answer for the founder.</summary>
    Decide,

    /// <summary>Pause, resume, stop, message agents.</summary>
    Intervene,

    /// <summary>Let others in, and make and revoke keys.</summary>
    ManageKeys,

    /// <summary>Read the security audit.</summary>
    ReadAudit,

    /// <summary>Change what the host admits.</summary>
    ChangeAdmission,

    /// <summary>Call models through the gateway.</summary>
    CallModels,

    /// <summary>Say which models there are and what they cost, and reset their breakers.</summary>
    ManageModels,

    /// <summary>Set, change and raise budgets.</summary>
    ChangeBudgets,

    /// <summary>Report what something cost.</summary>
    ReportCosts,

    /// <summary>Import invoices, set rates, have the sums made anew.</summary>
    ManageCosts,

    /// <summary>Let machines in that run agents, drain them and let them go.</summary>
    ManageHosts,

    /// <summary>Say what agents are made of.</summary>
    ManageDefinitions,

    /// <summary>Have any agent started. An agent without it can have sub-agents of its own started, by <see cref="ActAsSelf"/>.</summary>
    SpawnAgents,

    /// <summary>Report as the machine that one is, and run what it is given.</summary>
    RunHost,

    /// <summary>Say when jobs run, run them now, pause them, and say how long history is kept.</summary>
    ManageJobs,

    /// <summary>End a job's run.</summary>
    CancelJobs,

    /// <summary>Have the database restored to an earlier moment, and have that take the running one's place.</summary>
    RestoreDatabase,

    /// <summary>Not subject to the limits for one actor; several streams at once (bus-api.md, Limits).</summary>
    Unthrottled,
}

/// <summary>The roles that can be given to somebody new.</summary>
/// <remarks>There is one founder, who is there from the first start; an agent gets its role with its registration.</remarks>
public static class GivenRoles
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<Role> All { get; } = [Role.SystemService, Role.EmergencyOperator, Role.ReadOnlyObserver];
}

/// <summary>Which role may do what (SE-01). What is not here is refused.</summary>
public static class PermissionMatrix
{
    private static readonly Dictionary<Role, HashSet<Permission>> Table = new()
    {
        [Role.FounderAdmin] = [.. Enum.GetValues<Permission>()],
        [Role.SystemService] =
        [
            Permission.ReadAll, Permission.RegisterAgents, Permission.ActAsSelf, Permission.ActAsAnyAgent, Permission.CreateTickets, Permission.EditTickets,
            Permission.CreateTasks, Permission.PostEvents, Permission.OpenEscalations, Permission.CallModels, Permission.ReportCosts, Permission.SpawnAgents,
            Permission.Unthrottled,
        ],
        [Role.AgentRuntime] =
        [
            Permission.ReadAll, Permission.ActAsSelf, Permission.CreateTickets, Permission.CreateTasks, Permission.PostEvents, Permission.OpenEscalations,
            Permission.CallModels, Permission.ReportCosts,
        ],
        [Role.EmergencyOperator] =
        [
            Permission.ReadAll, Permission.CancelTasks, Permission.Decide, Permission.Intervene, Permission.ChangeAdmission, Permission.CancelJobs,
        ],
        [Role.ReadOnlyObserver] = [Permission.ReadAll],
        [Role.HostRunner] = [Permission.RunHost, Permission.Unthrottled],
    };

    /// <summary>Whether the role may do it.</summary>
    public static bool Allows(Role role, Permission permission) => Table[role].Contains(permission);

    /// <summary>Whether the role changes nothing at all.</summary>
    public static bool IsReadOnly(Role role) => Table[role].IsSubsetOf([Permission.ReadAll]);
}
