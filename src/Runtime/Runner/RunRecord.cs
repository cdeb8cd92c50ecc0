using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner;

/// <summary>What is kept of one run on disk, so that the next runner finds it again; written when it says something else than before.</summary>
internal sealed class RunRecord(RunSurroundings around, RuntimeFolder folder, RuntimeState state)
{
    private readonly long _droppedBefore = state.DroppedLines;
    private RuntimeState _saved = state;

    /// <summary>As it is now.</summary>
    public RuntimeState State { get; set; } = state;

    /// <summary>Its folder.</summary>
    public RuntimeFolder Folder { get; } = folder;

    /// <summary>Lines that were not kept: by earlier runners, and by this one.</summary>
    public long DroppedWith(long dropped) => _droppedBefore + dropped;

    /// <summary>Keeps of what has taken effect only what is still ordered: the rest the bus knows.</summary>
    public void KeepEffective(IReadOnlyList<OrderedIntervention> ordered) =>
        State = State with { Effective = [.. State.Effective.Where(id => ordered.Any(i => i.InterventionId == id))] };

    /// <summary>Says that these have taken effect.</summary>
    public void AddEffective(IEnumerable<OrderedIntervention> interventions)
    {
        Guid[] added = [.. interventions.Select(i => i.InterventionId).Except(State.Effective)];
        if (added.Length > 0)
        {
            State = State with { Effective = [.. State.Effective, .. added] };
            around.Changed();
        }
    }

    /// <summary>Writes it if it says something else than what was written.</summary>
    /// <param name="dropped">Lines that this runner did not keep.</param>
    public void SaveChange(long dropped)
    {
        if (Essence(State) != Essence(_saved))
        {
            Save(dropped);
        }
    }

    /// <summary>Writes it. Returns whether the disk took it.</summary>
    /// <param name="dropped">Lines that this runner did not keep.</param>
    public bool Save(long dropped)
    {
        if (!around.Save(Folder, State with { DroppedLines = DroppedWith(dropped) }))
        {
            return false;
        }

        _saved = State;
        return true;
    }

    // What an agent says every second is not written every second: after a crash it says it again.
    private static RuntimeState Essence(RuntimeState state) => state with
    {
        PeakMemoryMb = state.PeakMemoryMb / 64,
        Progress = state.Progress with { Signature = null, RepeatedCalls = 0, LastTool = null },
    };
}
