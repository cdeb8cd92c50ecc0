namespace ControlCenter.Domain.Jobs;

/// <summary>A slot whose time has come, and whether it is run.</summary>
/// <param name="At">The slot.</param>
/// <param name="IsRun">False: it is noted as missed.</param>
public readonly record struct DueSlot(DateTimeOffset At, bool IsRun);

/// <summary>What becomes of slots whose time has come.</summary>
/// <param name="Slots">Oldest first.</param>
/// <param name="NotNoted">How many older ones were missed that are only counted.</param>
public sealed record DueSlots(IReadOnlyList<DueSlot> Slots, int NotNoted)
{
    /// <summary>How many are not run.</summary>
    public int Missed => NotNoted + Slots.Count(s => !s.IsRun);
}

/// <summary>Says of every slot whose time has come whether it is run or missed.</summary>
public static class MissedRunRules
{
    /// <summary>A slot is on time for so long: a host that restarts, or is slow, has missed nothing.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromMinutes(1);

    /// <summary>No more slots are run or noted one by one: after a month's downtime of a job of every minute nobody reads forty thousand lines.</summary>
    public const int MostSlots = 100;

    /// <summary>Decides.</summary>
    /// <param name="due">The slots up to now that nothing was decided about, oldest first.</param>
    /// <param name="now">Now.</param>
    /// <param name="policy">The job's policy.</param>
    public static DueSlots Decide(IReadOnlyList<DateTimeOffset> due, DateTimeOffset now, MissedRuns policy)
    {
        var newest = due.Skip(Math.Max(0, due.Count - MostSlots)).ToList();
        var slots = newest.Select((at, i) => new DueSlot(at, policy switch
        {
            MissedRuns.RunAll => true,
            MissedRuns.RunOnce => i == newest.Count - 1,
            _ => i == newest.Count - 1 && now - at <= Grace,
        })).ToList();
        return new DueSlots(slots, due.Count - newest.Count);
    }
}
