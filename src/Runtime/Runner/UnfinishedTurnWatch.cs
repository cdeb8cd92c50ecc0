using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Runner.Output;

namespace ControlCenter.Runtime.Runner;

/// <summary>Sees how long an agent has sat still between two turns although its task is not over.</summary>
internal sealed class UnfinishedTurnWatch(AgentProgress progress, TimeProvider time)
{
    private long? _idleSince;

    /// <summary>What is to be done about it now.</summary>
    /// <param name="state">How it stands.</param>
    /// <param name="isHeld">Held still, or to be: then it is not its own doing.</param>
    public UnfinishedTurnStep Look(RuntimeState state, bool isHeld)
    {
        _idleSince = progress.InTurn || isHeld ? null : _idleSince ?? time.GetTimestamp();
        return UnfinishedTurn.After(progress.Reading.Turns, state.NudgedAtTurn, _idleSince is { } since ? time.GetElapsedTime(since) : null);
    }

    /// <summary>It was told just now.</summary>
    public void Nudged() => _idleSince = null;
}
