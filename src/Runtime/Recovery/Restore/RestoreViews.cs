using ControlCenter.Domain.Recovery;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>How a restore stands.</summary>
public enum RestoreState
{
    /// <summary>It waits for its job.</summary>
    Queued,

    /// <summary>It is being done.</summary>
    Running,

    /// <summary>It is there, in its folder.</summary>
    Restored,

    /// <summary>It could not be done.</summary>
    Failed,

    /// <summary>It is to take the place of the running database, which ends for that.</summary>
    Replacing,

    /// <summary>It is the running database.</summary>
    Replaced,

    /// <summary>Its folder was removed.</summary>
    Removed,
}

/// <summary>A restore that is asked for.</summary>
/// <param name="To">The moment; the latest that can be restored unless said.</param>
public sealed record RestoreRequest(DateTimeOffset? To = null);

/// <summary>A restored database is to take the place of the running one.</summary>
/// <param name="Confirm">What <see cref="RestoreView.Confirmation"/> says, typed.</param>
public sealed record ReplaceRequest(string Confirm);

/// <summary>Something that was done.</summary>
/// <param name="At">When.</param>
/// <param name="Text">What.</param>
public sealed record RestoreStep(DateTimeOffset At, string Text);

/// <summary>A restore.</summary>
/// <param name="RestoreId">Its id.</param>
/// <param name="To">The moment.</param>
/// <param name="State">How it stands.</param>
/// <param name="RequestedAt">When it was asked for.</param>
/// <param name="RequestedByName">By whom.</param>
/// <param name="RunId">The run of the job <c>restore</c> that does it: its log has every line.</param>
/// <param name="Folder">Where it is, or will be: a CC_HOME to start on.</param>
/// <param name="BaseSnapshot">The snapshot that it begins from.</param>
/// <param name="BaseAt">The moment of that.</param>
/// <param name="LogSnapshots">How many pieces of log are replayed on it.</param>
/// <param name="LogThrough">How far those reach.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="Seconds">How long the restore took.</param>
/// <param name="Bytes">How large the base is.</param>
/// <param name="LastCommitAt">The newest commit in it.</param>
/// <param name="Steps">What was done, oldest first.</param>
/// <param name="Verdicts">What was looked at and found; null while it is not.</param>
/// <param name="Tables">Its tables against the base's manifest; null while they are not counted.</param>
/// <param name="Passed">Whether all verdicts are good.</param>
/// <param name="Problem">Why it could not be done.</param>
/// <param name="CanReplace">Whether it may take the place of the running database.</param>
/// <param name="CannotReplaceBecause">Why not.</param>
/// <param name="Confirmation">What is to be typed for that.</param>
/// <param name="Command">The command that starts a host on it.</param>
/// <param name="ReplacedAt">When it took the place.</param>
/// <param name="PutAside">Where the database of before is kept.</param>
/// <param name="RemovedAt">When its folder was removed.</param>
public sealed record RestoreView(
    Guid RestoreId, DateTimeOffset To, RestoreState State, DateTimeOffset RequestedAt, string RequestedByName, Guid? RunId, string? Folder, string? BaseSnapshot,
    DateTimeOffset? BaseAt, int? LogSnapshots, DateTimeOffset? LogThrough, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, decimal? Seconds, long? Bytes,
    DateTimeOffset? LastCommitAt, IReadOnlyList<RestoreStep> Steps, IReadOnlyList<RestoreVerdict>? Verdicts, IReadOnlyList<TableVerdict>? Tables, bool? Passed, string? Problem,
    bool CanReplace, string? CannotReplaceBecause, string Confirmation, string? Command, DateTimeOffset? ReplacedAt, string? PutAside, DateTimeOffset? RemovedAt);

/// <summary>What a restore to a moment would be.</summary>
/// <param name="To">The moment.</param>
/// <param name="BaseSnapshot">The snapshot that it would begin from.</param>
/// <param name="BaseAt">The moment of that.</param>
/// <param name="LogSnapshots">How many pieces of log would be fetched.</param>
/// <param name="LogSegments">How many segments of 16 MiB are in them.</param>
/// <param name="BaseBytes">How large the base is.</param>
/// <param name="NeededBytes">How much room it needs.</param>
/// <param name="FreeBytes">How much there is.</param>
/// <param name="ExpectedSeconds">How long it would take, by restores of before and their size; null where none was measured.</param>
/// <param name="EventsLost">How many places in the log come after the moment: what would be lost.</param>
/// <param name="LastEventSeq">The last event that would be there; null for none.</param>
/// <param name="CanReplace">Whether the restored database could take the place of the running one by itself.</param>
/// <param name="CannotReplaceBecause">Why not, and how it is done by hand.</param>
public sealed record RestorePreview(
    DateTimeOffset To, string BaseSnapshot, DateTimeOffset BaseAt, int LogSnapshots, int LogSegments, long BaseBytes, long NeededBytes, long FreeBytes,
    decimal? ExpectedSeconds, long EventsLost, long? LastEventSeq, bool CanReplace, string? CannotReplaceBecause);

/// <summary>The host's own cluster, where it has one.</summary>
/// <param name="Home">The host's data folder; null where the database is another's (<c>CC_DATABASE</c>).</param>
public sealed record OwnCluster(string? Home)
{
    /// <summary>Why nothing can take the database's place; null where it can.</summary>
    public string? CannotBeReplaced => Home is not null ? null
        : "The database is not this host's own (CC_DATABASE). Start a PostgreSQL on the restored folder (its data is in postgres/data), stop this host, set CC_DATABASE to that, and start it again.";
}
