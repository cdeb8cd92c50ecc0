using System.Collections.Frozen;

namespace ControlCenter.Domain.Recovery;

/// <summary>Which events the founder's program is told of (BK-29): what a person would want to be called for, and what ends it.</summary>
public static class HookedEvents
{
    /// <summary>A restored database is about to take the running one's place. Told before it does, of the database that goes, whose log nobody reads on.</summary>
    public const string Replacing = "backup.restore_replacing";

    /// <summary>The program could not be told. Of that it is told nothing.</summary>
    public const string Failed = "backup.hook_failed";

    private static readonly FrozenSet<string> Kinds = new[]
    {
        "backup.succeeded", "backup.failed", "backup.restore_started", "backup.restore_ended", "backup.restore_failed",
        "backup.restore_drill.passed", "backup.restore_drill.failed", "backup.database_replaced", "backup.database_not_replaced",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Whether the program is told of it. Of alerts it is told of recovery's own.</summary>
    /// <param name="kind">The event's kind.</param>
    /// <param name="subjectType">What kind of thing it happened to.</param>
    public static bool Include(string kind, string subjectType) =>
        Kinds.Contains(kind) || (subjectType == "recovery" && kind is "alert.raised" or "alert.cleared");
}
