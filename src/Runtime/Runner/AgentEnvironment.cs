using System.Globalization;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.Runtime.Runner;

/// <summary>What an agent finds in its environment: the little that every program needs, its definition's, its own ids and key, and nothing of the runner's.</summary>
internal static class AgentEnvironment
{
    /// <summary>Marks every process of a runtime.</summary>
    public const string RuntimeIdVariable = "CC_RUNTIME_ID";

    private const string UsualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>Puts it together, and says which values are secret.</summary>
    /// <exception cref="LaunchException">A value is taken from where there is none.</exception>
    public static (Dictionary<string, string> Variables, List<string> Secrets) Of(
        StartPackage start, LaunchPlan plan, LaunchSurroundings surroundings, Func<string, string?> read)
    {
        var secrets = new List<string> { start.Key };
        var variables = new Dictionary<string, string>
        {
            // First, so that it is found first where processes are told apart by it.
            [RuntimeIdVariable] = start.RuntimeId.ToString(),
            ["PATH"] = read("PATH") ?? UsualPath,
            ["LANG"] = read("LANG") ?? "C.UTF-8",
            ["HOME"] = surroundings.Private,
            ["TMPDIR"] = Path.Combine(surroundings.Private, "tmp"),
        };
        foreach (var (name, from) in start.Definition.Environment)
        {
            variables[name] = ValueOf(name, from, read, secrets);
        }

        foreach (var (name, value) in plan.Environment)
        {
            variables[name] = value;
        }

        variables["CC_BUS_URL"] = surroundings.Bus.ToString().TrimEnd('/');
        variables["CC_API_KEY"] = start.Key;
        variables["CC_AGENT_ID"] = start.AgentId.ToString();
        variables["CC_AGENT_NAME"] = start.AgentName;
        variables[RuntimeIdVariable] = start.RuntimeId.ToString();
        variables["CC_SESSION_ID"] = start.SessionId.ToString();
        if (start.Task is { } task)
        {
            variables["CC_TASK_ID"] = task.TaskId.ToString();
            variables["CC_TICKET"] = task.TicketKey;
            variables["CC_LEASE_ID"] = task.LeaseId.ToString();
            variables["CC_FENCING_TOKEN"] = task.FencingToken.ToString();
            variables["CC_TASK_FILE"] = TaskFile(surroundings);
            variables["CC_CHECKPOINT_FILE"] = CheckpointFile(surroundings);
        }

        return (variables, secrets);
    }

    /// <summary>What a hook finds that is run after it: the little that every program needs, and how it ended.</summary>
    public static Dictionary<string, string> AfterIt(Guid runtime, Workspace workspace, RuntimeEnd end, int? exitCode) => new()
    {
        [RuntimeIdVariable] = runtime.ToString(),
        ["PATH"] = Environment.GetEnvironmentVariable("PATH") ?? UsualPath,
        ["LANG"] = Environment.GetEnvironmentVariable("LANG") ?? "C.UTF-8",
        ["HOME"] = workspace.Private,
        ["TMPDIR"] = Path.Combine(workspace.Private, "tmp"),
        ["CC_RUNTIME_END"] = WireNames<RuntimeEnd>.ToWire(end),
        ["CC_EXIT_CODE"] = exitCode?.ToString(CultureInfo.InvariantCulture) ?? "",
    };

    /// <summary>Where the task is told: title, instructions, checkpoint.</summary>
    public static string TaskFile(LaunchSurroundings surroundings) => Path.Combine(surroundings.Private, "task.json");

    /// <summary>Where the last checkpoint is, for an attempt that goes on from one.</summary>
    public static string CheckpointFile(LaunchSurroundings surroundings) => Path.Combine(surroundings.Private, "checkpoint.json");

    private static string ValueOf(string name, string from, Func<string, string?> read, List<string> secrets)
    {
        var (kind, rest) = from.Split(':', 2) is [var first, var second] ? (first, second) : ("", from);
        switch (kind)
        {
            case "value":
                // Whoever writes a key into a definition does not mean it to be read in a transcript; short words are passed over there.
                secrets.Add(rest);
                return rest;
            case "env":
                var value = read(rest) ?? throw new LaunchException($"{name} is to be taken from the variable {rest}, which is not set on this host.");
                secrets.Add(value);
                return value;
            case "file":
                try
                {
                    var text = File.ReadAllText(rest).TrimEnd('\n', '\r');
                    secrets.Add(text);
                    return text;
                }
                catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
                {
                    throw new LaunchException($"{name} is to be taken from the file {rest}, which cannot be read on this host: {fault.Message}");
                }

            default:
                throw new LaunchException($"{name} is '{kind}:…'; expected env:NAME, file:/path or value:TEXT.");
        }
    }
}
