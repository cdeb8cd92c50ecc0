namespace ControlCenter.Domain.Recovery;

/// <summary>What a restore drill proves (blueprint 10.8, minimum drill scenarios).</summary>
public enum DrillScenario
{
    /// <summary>The database comes back, to a chosen moment, in a clean place.</summary>
    Database,

    /// <summary>All services start on it, from this program and its settings alone.</summary>
    Services,

    /// <summary>The files that the database refers to are in the repository.</summary>
    ObjectStorage,

    /// <summary>A task that was interrupted goes on from its checkpoint, with its next attempt.</summary>
    InterruptedTask,

    /// <summary>The deployment before this one runs on it.</summary>
    Rollback,
}

/// <summary>How a drill is.</summary>
public enum DrillState
{
    /// <summary>Under way.</summary>
    Running,

    /// <summary>Proven.</summary>
    Passed,

    /// <summary>Not proven: the next one of its scenario waits for a root cause.</summary>
    Failed,

    /// <summary>There is nothing here to try it on; the drill says what is missing. Neither passed nor failed.</summary>
    NotPossible,

    /// <summary>Its host ended, or somebody ended it: neither passed nor failed.</summary>
    BrokenOff,
}

/// <summary>How a step went.</summary>
public enum DrillStepState
{
    /// <summary>As it should.</summary>
    Passed,

    /// <summary>Not as it should.</summary>
    Failed,

    /// <summary>Left out; its detail says why.</summary>
    Skipped,
}

/// <summary>A step of a drill, in the order in which they are taken.</summary>
/// <param name="Name">What is done.</param>
/// <param name="Priority">Its place in the order of recovery (blueprint 10.5), 1 to 3; null for what is only the drill's own.</param>
/// <param name="State">How it went.</param>
/// <param name="Detail">What was found, or why it was left out.</param>
/// <param name="Seconds">How long it took.</param>
public sealed record DrillStep(string Name, int? Priority, DrillStepState State, string Detail, decimal Seconds);

/// <summary>What a system has to be able to recover from (blueprint 10.1).</summary>
public enum RecoveryCause
{
    /// <summary>The machine is gone.</summary>
    NodeFailure,

    /// <summary>A process died.</summary>
    ProcessCrash,

    /// <summary>An agent's conversation is gone.</summary>
    SessionLoss,

    /// <summary>The database is damaged.</summary>
    DatabaseCorruption,

    /// <summary>A version that must go again.</summary>
    BadDeployment,

    /// <summary>Something was removed that was needed.</summary>
    AccidentalDeletion,

    /// <summary>A provider does not answer.</summary>
    ProviderDisruption,

    /// <summary>Somebody did the wrong thing.</summary>
    OperatorError,
}

/// <summary>A cause and the drills that prove that it can be recovered from.</summary>
/// <param name="Cause">The cause.</param>
/// <param name="Scenarios">All of them have to have passed.</param>
/// <param name="How">What of them speaks of it.</param>
public sealed record DrilledCause(RecoveryCause Cause, IReadOnlyList<DrillScenario> Scenarios, string How);

/// <summary>Which drill speaks of which cause (PR-10).</summary>
public static class RecoveryCauses
{
    /// <summary>All eight, in the blueprint's order.</summary>
    public static IReadOnlyList<DrilledCause> All { get; } =
    [
        new(RecoveryCause.NodeFailure, [DrillScenario.Database, DrillScenario.Services], "The repository and its password are all that is used; services start on an empty folder."),
        new(RecoveryCause.ProcessCrash, [DrillScenario.InterruptedTask], "A bus and its database are killed in the middle of a task."),
        new(RecoveryCause.SessionLoss, [DrillScenario.InterruptedTask], "The next attempt goes on from the checkpoint alone."),
        new(RecoveryCause.DatabaseCorruption, [DrillScenario.Database], "Every table and index of what was restored is read, and the application's own invariants hold."),
        new(RecoveryCause.BadDeployment, [DrillScenario.Rollback], "The program before this one starts on what was restored."),
        new(RecoveryCause.AccidentalDeletion, [DrillScenario.Database, DrillScenario.ObjectStorage], "A row of before the moment is there; files are counted against what refers to them."),
        new(RecoveryCause.ProviderDisruption, [DrillScenario.InterruptedTask], "The bus of the drill reaches no provider, and hands out and takes back work all the same."),
        new(RecoveryCause.OperatorError, [DrillScenario.Database], "A row that was written after the moment is gone."),
    ];
}
