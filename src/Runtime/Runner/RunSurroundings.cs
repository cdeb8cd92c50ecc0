using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Runtime.Runner;

/// <summary>What every supervised runtime shares.</summary>
internal sealed record RunSurroundings(RunnerOptions Options, RunnerParts Parts, ProcessForest Forest, OutputPump Pump, TimeProvider Time)
{
    /// <summary>Asks for a step soon.</summary>
    public required Action Wake { get; init; }

    /// <summary>Asks for a step after a time.</summary>
    public required Action<TimeSpan> WakeIn { get; init; }

    /// <summary>Says that there is something that the bus is to hear at once.</summary>
    public required Action Changed { get; init; }

    /// <summary>Writes a state; false where the disk did not take it, which is tried again at the next step.</summary>
    public required Func<RuntimeFolder, RuntimeState, bool> Save { get; init; }
}
