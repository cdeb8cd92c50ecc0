using System.Text.Json;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>What the built-in loop is to do. In its file, without the key.</summary>
/// <param name="SessionId">The session; its conversation is kept beside this file.</param>
/// <param name="Model">The route that it calls.</param>
/// <param name="Instructions">What it is told before all else.</param>
/// <param name="Prompt">What it begins with.</param>
/// <param name="Tools">The tools of the bus that it may use; empty for all that there are for it.</param>
/// <param name="Iterations">Calls of the model, all turns together.</param>
/// <param name="ToolCallSeconds">One call of a tool.</param>
/// <param name="Tokens">In and out; null for no limit.</param>
/// <param name="Resumes">Goes on with the conversation that is kept.</param>
public sealed record LoopSettings(
    string SessionId, string Model, string? Instructions, string Prompt, IReadOnlyList<string> Tools, int Iterations, int ToolCallSeconds, long? Tokens, bool Resumes)
{
    /// <summary>The variable that names the file.</summary>
    public const string Variable = "CC_LOOP_FILE";

    /// <summary>Reads the file.</summary>
    public static LoopSettings Read(string path) => JsonSerializer.Deserialize<LoopSettings>(File.ReadAllText(path), RunnerJson.Options)!;
}

/// <summary>The built-in agent: a model with the bus's tools, called through the gateway, in a process of this same program.</summary>
public sealed class ModelAdapter : IExecutionAdapter
{
    /// <inheritdoc />
    public string Name => "model";

    /// <inheritdoc />
    public bool CanResume => true;

    /// <inheritdoc />
    public LaunchPlan Plan(StartPackage start, LaunchSurroundings surroundings)
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(surroundings);
        var (definition, limits) = (start.Definition, start.Definition.Limits);
        var file = Path.Combine(surroundings.Private, "loop.json");
        var settings = new LoopSettings(
            start.ResumeNativeSessionId ?? start.SessionId.ToString(),
            definition.ModelRoute ?? throw new LaunchException($"The definition {definition.Name} names no model_route, which the built-in loop calls."),
            definition.Instructions, TaskPrompt.Of(start, surroundings), definition.Tools, limits.Iterations, limits.ToolCallSeconds, limits.Tokens,
            Resumes: start.ResumeNativeSessionId is not null);
        return new LaunchPlan(
            definition.Command.Count > 0 ? definition.Command : [.. surroundings.Program, "agent-loop"],
            new Dictionary<string, string> { [LoopSettings.Variable] = file },
            new Dictionary<string, string> { [file] = JsonSerializer.Serialize(settings, RunnerJson.Options) },
            [], ReadyWhenObserved: false, EndsWithTask: start.Task is not null);
    }

    /// <inheritdoc />
    public IOutputInterpreter Interpret() => new BuiltInInterpreter();

    /// <inheritdoc />
    public string Encode(string message) => BuiltInLine.Message(message);
}
