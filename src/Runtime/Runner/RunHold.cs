using ControlCenter.Domain.Execution;

namespace ControlCenter.Runtime.Runner;

/// <summary>Holds one run still where that is asked for, or where the bus cannot be, and lets it go on again.</summary>
internal sealed class RunHold(RunParts run)
{
    /// <summary>Whether the bus cannot be reached for about as long as its slot is leased.</summary>
    public bool IsCutOff { get; set; }

    /// <summary>Brings it to what is desired. Returns whether it is there.</summary>
    /// <param name="desired">What it is to be doing.</param>
    /// <param name="whileEnding">How soon to look again at one that is just being stopped.</param>
    public bool Bring(DesiredState desired, TimeSpan whileEnding)
    {
        // One that begins is let begin: held still between its start and its first sign of life it would be taken for one that never came up.
        var canBe = run.Record.State is { Phase: RuntimePhase.Ready } or { Paused: true };
        var isToBeHeld = (desired == DesiredState.Pause && canBe) || IsCutOff;
        if (isToBeHeld != run.Record.State.Paused || run.Control.IsLoose(run.Record.State.Paused))
        {
            Change(isToBeHeld, desired, whileEnding);
        }

        return run.Record.State.Paused == (desired == DesiredState.Pause);
    }

    private void Change(bool isToBeHeld, DesiredState desired, TimeSpan whileEnding)
    {
        if (!isToBeHeld)
        {
            run.Control.Release();
        }
        else if (!run.Control.Hold(desired == DesiredState.Pause ? "Held still." : "Held still: the bus cannot be reached."))
        {
            // Whoever has just been told has not stopped yet, and may have had a child meanwhile.
            run.Around.WakeIn(whileEnding);
            return;
        }

        if (run.Record.State.Paused != isToBeHeld)
        {
            run.Record.State = run.Record.State with { Paused = isToBeHeld };
            run.Around.Changed();
        }
    }
}
