using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>Any command line: it reads messages as lines of its standard input, prints what it likes, and is ready once it runs.</summary>
public sealed class ProcessAdapter : IExecutionAdapter
{
    /// <inheritdoc />
    public string Name => "process";

    /// <inheritdoc />
    public bool CanResume => false;

    /// <inheritdoc />
    public LaunchPlan Plan(StartPackage start, LaunchSurroundings surroundings) => start.Definition.Command.Count > 0
        ? new LaunchPlan(
            start.Definition.Command, new Dictionary<string, string>(), new Dictionary<string, string>(),
            start.Message is { } message ? [Encode(message)] : [], ReadyWhenObserved: true, EndsWithTask: false, Terminal: start.Definition.Terminal)
        : throw new LaunchException($"The definition {start.Definition.Name} names no command.");

    /// <inheritdoc />
    public IOutputInterpreter Interpret() => NoInterpreter.Instance;

    /// <inheritdoc />
    public string Encode(string message) => message.ReplaceLineEndings(" ");
}
