namespace ControlCenter.Domain.Execution;

/// <summary>Where a session stands.</summary>
public enum SessionState
{
    /// <summary>A runtime of it waits or runs.</summary>
    Active,

    /// <summary>Its runtime ended before its task did; the next one goes on with it, or with what it left.</summary>
    Interrupted,

    /// <summary>Over: its work is done, or another session took its place.</summary>
    Ended,

    /// <summary>Whether going on would lose or repeat something cannot be told; a human decides.</summary>
    Uncertain,
}

/// <summary>What is known of a session whose runtime ended before its task.</summary>
/// <param name="NativeSessionKnown">Its own program named its session, which it does where it can resume one.</param>
/// <param name="HostAlive">The host that holds what the program keeps of it reports.</param>
/// <param name="CheckpointAt">The task's newest checkpoint; null for none.</param>
/// <param name="ToolAt">When it was last seen to have called a tool; null for never.</param>
public sealed record SessionTraces(bool NativeSessionKnown, bool HostAlive, DateTimeOffset? CheckpointAt, DateTimeOffset? ToolAt);

/// <summary>How sure it is that going on loses nothing and repeats nothing.</summary>
/// <param name="Score">0 to 1.</param>
/// <param name="Reasons">Why, in words.</param>
public sealed record Continuity(decimal Score, IReadOnlyList<string> Reasons)
{
    /// <summary>Whether a human is to decide.</summary>
    public bool IsUncertain => Score < ContinuityRules.AskBelow;
}

/// <summary>Judges how a session that was interrupted can go on (OR-16, OR-17).</summary>
public static class ContinuityRules
{
    /// <summary>Below this a human is asked.</summary>
    public const decimal AskBelow = 0.4m;

    // Tools are seen with the host's report, which comes up to 15 s after the call: a checkpoint from so long before may still be the newer.
    private static readonly TimeSpan SeenLate = RuntimeTimeouts.HostReport;

    /// <summary>Judges.</summary>
    public static Continuity Of(SessionTraces traces)
    {
        if (traces is { NativeSessionKnown: true, HostAlive: true })
        {
            return new Continuity(0.9m, ["Its own program can resume the session, and the host that holds it reports."]);
        }

        var lost = traces.NativeSessionKnown
            ? "Its own program could resume the session, but the host that holds it does not report."
            : "Its own program named no session that could be resumed.";
        return (traces.CheckpointAt, traces.ToolAt) switch
        {
            ({ } checkpoint, { } tool) when checkpoint + SeenLate < tool =>
                new Continuity(0.45m, [lost, "Tools were called after its last checkpoint: what they did may be done again."]),
            ({ }, _) => new Continuity(0.7m, [lost, "Its last checkpoint is newer than the last tool call that was seen."]),
            (null, null) => new Continuity(0.5m, [lost, "It saved no checkpoint, and was not seen to call a tool: it begins anew."]),
            (null, { }) => new Continuity(0.2m, [lost, "It saved no checkpoint, and tools were called: what they did is not known, and may be done again."]),
        };
    }
}

/// <summary>What a human can decide of a session that is uncertain.</summary>
public static class ContinuityChoice
{
    /// <summary>The next runtime goes on from what is left.</summary>
    public const string GoOn = "go on";

    /// <summary>The next runtime begins with a session of its own.</summary>
    public const string BeginAnew = "begin anew";

    /// <summary>The task is cancelled; so it is by a no, and by no answer.</summary>
    public const string Cancel = "cancel the task";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [GoOn, BeginAnew, Cancel];
}
