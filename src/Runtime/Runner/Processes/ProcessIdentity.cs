namespace ControlCenter.Runtime.Runner.Processes;

/// <summary>One process and no other: a number alone is soon somebody else's.</summary>
/// <param name="Pid">Its number.</param>
/// <param name="StartTicks">Clock ticks between the machine's boot and its start (<c>/proc/PID/stat</c>, field 22).</param>
public readonly record struct ProcessIdentity(int Pid, long StartTicks)
{
    /// <summary>Names this boot of the machine: a number and a start time of another boot say nothing.</summary>
    public static string BootId { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>The process that has a number now; null where none has.</summary>
    public static ProcessIdentity? Of(int pid) => ProcessTable.Find(pid) is { } entry ? entry.Identity : null;

    /// <summary>Whether it is still there and has not ended: one that only waits to be buried has.</summary>
    public bool IsAlive => ProcessTable.Find(Pid) is { HasEnded: false } entry && entry.StartTicks == StartTicks;
}

/// <summary>A process, as <c>/proc/PID/stat</c> told at one moment (proc(5)).</summary>
/// <param name="Identity">Which one.</param>
/// <param name="Parent">Its parent's number.</param>
/// <param name="Session">Its session's number.</param>
/// <param name="State"><c>R</c>, <c>S</c>, <c>D</c>, <c>T</c> held still, <c>Z</c> ended and not buried.</param>
/// <param name="ProcessorTicks">Clock ticks of processor it has used, in user and in kernel mode.</param>
/// <param name="ResidentBytes">What it has in memory.</param>
public readonly record struct ProcessEntry(ProcessIdentity Identity, int Parent, int Session, char State, long ProcessorTicks, long ResidentBytes)
{
    /// <summary>Its number.</summary>
    public int Pid => Identity.Pid;

    /// <summary>When it started.</summary>
    public long StartTicks => Identity.StartTicks;

    /// <summary>It has ended, though its parent has not asked how.</summary>
    public bool HasEnded => State is 'Z' or 'X';

    /// <summary>It is held still.</summary>
    public bool IsStopped => State is 'T' or 't';
}
