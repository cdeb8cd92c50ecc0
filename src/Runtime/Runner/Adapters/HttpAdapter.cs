using System.Text.Json;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>An agent that runs elsewhere: a process of this same program calls it by signed webhooks, and stands for it here.</summary>
/// <remarks>It is held still by holding its stand-in still; the remote agent itself hears of a pause where every agent does, on the bus.</remarks>
public sealed class HttpAdapter : IExecutionAdapter
{
    /// <summary>The variable with which calls are signed; the definition says where its value is taken from.</summary>
    public const string SecretVariable = "WEBHOOK_SECRET";

    /// <summary>The variable that says where it is called.</summary>
    public const string UrlVariable = "CC_WEBHOOK_URL";

    /// <summary>The variable that names the file of the first call.</summary>
    public const string StartVariable = "CC_WEBHOOK_FILE";

    /// <inheritdoc />
    public string Name => "http";

    /// <inheritdoc />
    public bool CanResume => false;

    /// <inheritdoc />
    public LaunchPlan Plan(StartPackage start, LaunchSurroundings surroundings)
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(surroundings);
        var definition = start.Definition;
        if (!definition.Environment.ContainsKey(SecretVariable))
        {
            throw new LaunchException($"The definition {definition.Name} has no {SecretVariable} in its environment; a call that is not signed could be anybody's.");
        }

        var file = Path.Combine(surroundings.Private, "start.json");
        var body = new
        {
            start.RuntimeId, start.AgentId, start.AgentName, start.SessionId, start.Task, start.Message, definition.Instructions, definition.ModelRoute,
            BusUrl = surroundings.Bus.ToString().TrimEnd('/'),
        };
        return new LaunchPlan(
            definition.Command.Count > 0 ? definition.Command : [.. surroundings.Program, "agent-webhook"],
            new Dictionary<string, string>
            {
                [UrlVariable] = definition.Url ?? throw new LaunchException($"The definition {definition.Name} names no url."),
                [StartVariable] = file,
            },
            new Dictionary<string, string> { [file] = JsonSerializer.Serialize(body, RunnerJson.Options) },
            [], ReadyWhenObserved: false, EndsWithTask: start.Task is not null);
    }

    /// <inheritdoc />
    public IOutputInterpreter Interpret() => new BuiltInInterpreter();

    /// <inheritdoc />
    public string Encode(string message) => BuiltInLine.Message(message);
}
