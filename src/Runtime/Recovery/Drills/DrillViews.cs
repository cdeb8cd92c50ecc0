using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Storage.Invariants;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>A drill's record (blueprint 10.8: all ten fields, and what else was seen).</summary>
/// <param name="DrillId">Its id.</param>
/// <param name="Scenario">What it was to prove.</param>
/// <param name="State">How it went; <c>pass_fail</c> in the blueprint.</param>
/// <param name="IsSample">Of an older base, drawn by lot.</param>
/// <param name="DrillDate">When it began.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="SnapshotId">The base that was restored.</param>
/// <param name="SnapshotAt">The moment that it is of.</param>
/// <param name="SnapshotAgeHours">How old it was.</param>
/// <param name="RestoredTo">The moment that was restored.</param>
/// <param name="TablesVerified">How many tables were counted.</param>
/// <param name="TableCountDriftPct">The most that a table was off its manifest.</param>
/// <param name="LiveDriftPct">The most that a live table has moved on since; shown, not judged.</param>
/// <param name="DataFreshnessHours">How much older the newest row was than the backup.</param>
/// <param name="WalPitrTested">Whether a moment between two rows was restored, with the first there and the second not.</param>
/// <param name="CleanupProven">Whether nothing was left: no folder, no process, no socket.</param>
/// <param name="Notes">What else is worth knowing.</param>
/// <param name="Problem">Why it has not passed.</param>
/// <param name="Executor">Who held it.</param>
/// <param name="JobRunId">By which run of its job.</param>
/// <param name="RootCause">Why it failed, as a person found.</param>
/// <param name="RootCauseByName">Who.</param>
/// <param name="RootCauseAt">When.</param>
/// <param name="Steps">What was done, in order.</param>
public sealed record RestoreDrillView(
    Guid DrillId, DrillScenario Scenario, DrillState State, bool IsSample, DateTimeOffset DrillDate, DateTimeOffset? EndedAt, decimal? Seconds,
    string? SnapshotId, DateTimeOffset? SnapshotAt, decimal? SnapshotAgeHours, DateTimeOffset? RestoredTo, int? TablesVerified, decimal? TableCountDriftPct,
    decimal? LiveDriftPct, decimal? DataFreshnessHours, bool WalPitrTested, bool? CleanupProven, string? Notes, string? Problem, string Executor, Guid? JobRunId,
    string? RootCause, string? RootCauseByName, DateTimeOffset? RootCauseAt, IReadOnlyList<DrillStep> Steps);

/// <summary>A drill with all that was counted.</summary>
/// <param name="Drill">Its record.</param>
/// <param name="Tables">Each table against the manifest.</param>
/// <param name="Invariants">Each of the application's invariants.</param>
public sealed record RestoreDrillStory(RestoreDrillView Drill, IReadOnlyList<TableVerdict> Tables, IReadOnlyList<InvariantVerdict> Invariants);

/// <summary>A scenario and how it stands.</summary>
/// <param name="Scenario">Which.</param>
/// <param name="Job">Its job.</param>
/// <param name="Title">What it is called.</param>
/// <param name="Description">What it does.</param>
/// <param name="LastPassedAt">When it was last proven; null for never.</param>
/// <param name="LastState">How the latest went.</param>
/// <param name="LastDrillId">The latest.</param>
/// <param name="LastDrillAt">When that was.</param>
/// <param name="LastSeconds">How long it took.</param>
/// <param name="FailedInARow">How many have failed since it last passed.</param>
/// <param name="WaitsForRootCause">The drill whose root cause is to be recorded before the next is held; null where none is.</param>
/// <param name="NextAt">When it is held next; null while its job is paused, or is not one of this host's.</param>
public sealed record DrillScenarioView(
    DrillScenario Scenario, string Job, string Title, string Description, DateTimeOffset? LastPassedAt, DrillState? LastState, Guid? LastDrillId,
    DateTimeOffset? LastDrillAt, decimal? LastSeconds, int FailedInARow, Guid? WaitsForRootCause, DateTimeOffset? NextAt);

/// <summary>A cause of loss and when recovery from it was last drilled (PR-10).</summary>
/// <param name="Cause">Which.</param>
/// <param name="Scenarios">The drills that speak of it.</param>
/// <param name="How">What of them does.</param>
/// <param name="LastDrilledAt">Since when all of them have passed; null where one never has.</param>
public sealed record DrilledCauseView(RecoveryCause Cause, IReadOnlyList<DrillScenario> Scenarios, string How, DateTimeOffset? LastDrilledAt);

/// <summary>What is proven, and what is not.</summary>
/// <param name="Configured">Whether there is a repository, without which nothing is drilled.</param>
/// <param name="LastProvenAt">When a restore of the database last passed.</param>
/// <param name="Scenarios">Each scenario.</param>
/// <param name="Causes">Each cause.</param>
public sealed record DrillOverview(bool Configured, DateTimeOffset? LastProvenAt, IReadOnlyList<DrillScenarioView> Scenarios, IReadOnlyList<DrilledCauseView> Causes);

/// <summary>Hold a drill.</summary>
/// <param name="Scenario">Which; the database unless said.</param>
/// <param name="Sample">For the database: an older base, drawn by lot.</param>
public sealed record RequestDrillRequest(DrillScenario Scenario = DrillScenario.Database, bool Sample = false);

/// <summary>Why a drill failed.</summary>
/// <param name="Cause">In words: what was wrong, and what was done about it.</param>
public sealed record RecordRootCauseRequest(string Cause);
