namespace ControlCenter.Domain.Jobs;

/// <summary>What becomes of the slots that passed while no host ran.</summary>
public enum MissedRuns
{
    /// <summary>Nothing: the next slot comes by itself.</summary>
    Skip,

    /// <summary>The newest of them is run, once.</summary>
    RunOnce,

    /// <summary>Each of them is run, oldest first.</summary>
    RunAll,
}

/// <summary>How a run is.</summary>
public enum JobRunState
{
    /// <summary>It waits for its time, or for the run before it.</summary>
    Queued,

    /// <summary>A host has its lease.</summary>
    Running,

    /// <summary>It did what it was for.</summary>
    Succeeded,

    /// <summary>It did not.</summary>
    Failed,

    /// <summary>Somebody ended it.</summary>
    Cancelled,

    /// <summary>Its slot passed, and the policy says that it is not run later.</summary>
    Missed,
}

/// <summary>Why there is a run.</summary>
public enum JobTrigger
{
    /// <summary>Its slot came.</summary>
    Schedule,

    /// <summary>Somebody wanted it now.</summary>
    Manual,

    /// <summary>The attempt before it failed, or was lost with its host.</summary>
    Retry,

    /// <summary>Somebody wanted it once, at a time.</summary>
    OneOff,
}

/// <summary>How an attempt ended that was not told by anybody to end.</summary>
public enum AttemptEnd
{
    /// <summary>The job failed; another attempt may succeed.</summary>
    Failed,

    /// <summary>The job said that another attempt would fail too.</summary>
    Refused,

    /// <summary>Its host stopped, died or was cut off: nothing is known against the job.</summary>
    Lost,
}

/// <summary>How often and how fast a job is tried again.</summary>
/// <param name="Retries">How many attempts after the first that failed.</param>
/// <param name="FirstBackoff">The wait before the second attempt; it doubles with each.</param>
public sealed record RetryRules(int Retries, TimeSpan FirstBackoff)
{
    /// <summary>No wait is longer: a job that is worth retrying is worth it within the hour.</summary>
    public static readonly TimeSpan LongestBackoff = TimeSpan.FromHours(1);

    /// <summary>A job whose hosts die under it so often in a row is what kills them.</summary>
    public const int MostLost = 5;

    /// <summary>The wait before the next attempt; null where there is none.</summary>
    /// <param name="end">How this attempt ended.</param>
    /// <param name="failed">How many attempts of this run have failed, with this one.</param>
    /// <param name="lost">How many were lost, with this one.</param>
    public TimeSpan? NextAfter(AttemptEnd end, int failed, int lost) => end switch
    {
        AttemptEnd.Lost when lost < MostLost => TimeSpan.Zero,
        AttemptEnd.Failed when failed <= Retries => BackoffAfter(failed),
        _ => null,
    };

    private TimeSpan BackoffAfter(int failed)
    {
        // Beyond 2^20 any first wait is past the longest one.
        var wait = FirstBackoff * Math.Pow(2, Math.Min(failed - 1, 20));
        return wait < LongestBackoff ? wait : LongestBackoff;
    }
}
