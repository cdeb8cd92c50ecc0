using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>Understands nothing: for programs that say nothing of themselves, and for what an adapter started that this program no longer has.</summary>
internal sealed class NoInterpreter : IOutputInterpreter
{
    /// <summary>It has no state, so there is one.</summary>
    public static readonly NoInterpreter Instance = new();

    /// <inheritdoc />
    public IEnumerable<AdapterSignal> Read(OutputSource source, string line) => [];
}
