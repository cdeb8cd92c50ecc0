using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner;

/// <summary>Holds the processes of one runtime still, lets them go on, and ends them; and says so in its transcript.</summary>
internal sealed class TreeControl(ProcessTree tree, AgentOutput output, AgentProgress progress, TimeSpan grace, TimeProvider time, bool hasTerminal)
{
    private long? _heldSince;
    private long? _toldToEndAt;

    /// <summary>Whether it had to be killed.</summary>
    public bool HasKilled { get; private set; }

    /// <summary>Whether somebody of it runs though it is held still.</summary>
    public bool IsLoose(bool isHeld) => isHeld && tree.Living.Any(entry => !entry.IsStopped && !IsOfTerminal(entry) && !WaitsForAStoppedChild(entry));

    /// <summary>Holds all of it still. Returns whether it is: whoever is told stops a moment later.</summary>
    /// <param name="note">What is noted once it is.</param>
    public bool Hold(string note)
    {
        tree.Send(AgentSignal.Hold, entry => !entry.IsStopped && !IsOfTerminal(entry));
        if (IsLoose(isHeld: true))
        {
            return false;
        }

        if (_heldSince is null)
        {
            _heldSince = time.GetTimestamp();
            output.Note(OutputSource.Note, note);
        }

        return true;
    }

    /// <summary>Lets it go on.</summary>
    public void Release()
    {
        tree.Send(AgentSignal.Continue, MayBeHeld);
        progress.WasHeld(_heldSince is { } since ? time.GetElapsedTime(since) : TimeSpan.Zero);
        _heldSince = null;
        output.Note(OutputSource.Note, "Goes on.");
    }

    // The shell before the program has no other child.
    private bool HoldsTerminal(ProcessEntry entry) => hasTerminal && entry.Parent == tree.Leader?.Pid;

    // script(1) and the shell in it, which only wait for the program. They are not held still with it: script(1) stops itself for a child that is, and
    // where it hears that its child went on and that it ended before it has read the first, it never hears the second (signal(7)).
    private bool IsOfTerminal(ProcessEntry entry) => HoldsTerminal(entry) || (hasTerminal && tree.Living.Any(parent => parent.Pid == entry.Parent && HoldsTerminal(parent)));

    // A parent in vfork(2) sleeps until its child has its program: where the child was held still first, it cannot run either, and stops only afterwards.
    private bool WaitsForAStoppedChild(ProcessEntry entry) => entry.State == 'D' && tree.Living.Any(child => child.Parent == entry.Pid && child.IsStopped);

    // Whoever sleeps so has the signal still before it, and would stop when all the others go on.
    private static bool MayBeHeld(ProcessEntry entry) => entry.IsStopped || entry.State == 'D';

    /// <summary>Tells it to end, once. Returns how long it still has.</summary>
    public TimeSpan Terminate(string? reason)
    {
        if (_toldToEndAt is null)
        {
            // Whoever holds its terminal would kill it after two seconds; it goes by itself when the program has.
            tree.Send(AgentSignal.Terminate, entry => !HoldsTerminal(entry));

            // One that is held still hears nothing.
            tree.Send(AgentSignal.Continue, MayBeHeld);

            // Noted after it is done: a disk that takes its time must take none of the program's, and hold up no end.
            _toldToEndAt = time.GetTimestamp();
            output.Note(OutputSource.Note, $"Told to end (SIGTERM): {reason}");
        }

        return grace - time.GetElapsedTime(_toldToEndAt.Value);
    }

    /// <summary>Kills it.</summary>
    public void Kill(string? reason)
    {
        Sweep();
        if (!HasKilled)
        {
            HasKilled = true;
            output.Note(OutputSource.Note, $"Killed: {reason}");
        }
    }

    /// <summary>Kills whoever is left. Held still first, all of them, so that none has another child while the others are being killed.</summary>
    public void Sweep()
    {
        tree.Send(AgentSignal.Hold);
        tree.Send(AgentSignal.Kill);
    }
}
