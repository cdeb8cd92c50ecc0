using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>Claude Code, headless: it reads messages and prints what it does as JSON lines, and waits for more after each turn. Seen with 2.1.197.</summary>
public sealed class ClaudeCodeAdapter : IExecutionAdapter
{
    // Whatever works in the workspace and on the network; the rest (its own schedules, its own worktrees) is the bus's.
    private static readonly string[] UsualTools =
        [$"mcp__{TaskPrompt.Server}", "Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "Skill", "Task", "TaskOutput", "TaskStop", "TodoWrite", "WebFetch", "WebSearch", "Write"];

    /// <inheritdoc />
    public string Name => "claude-code";

    /// <inheritdoc />
    public bool CanResume => true;

    /// <inheritdoc />
    public LaunchPlan Plan(StartPackage start, LaunchSurroundings surroundings)
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(surroundings);
        var definition = start.Definition;
        var mcp = Path.Combine(surroundings.Private, "mcp.json");
        List<string> command = definition.Command.Count > 0 ? [.. definition.Command] : ["claude"];
        command.AddRange(
        [
            "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose", "--mcp-config", mcp, "--strict-mcp-config",
            // Nobody is there to be asked: what is not allowed is refused, and the agent is told so.
            "--permission-mode", "dontAsk", "--allowedTools", string.Join(',', definition.Tools.Count > 0 ? definition.Tools : UsualTools),
            "--max-turns", definition.Limits.Iterations.ToString(CultureInfo.InvariantCulture),
        ]);
        Add(command, "--model", definition.ModelRoute);
        Add(command, "--append-system-prompt", definition.Instructions);
        Add(command, "--resume", start.ResumeNativeSessionId);
        return new LaunchPlan(
            command, Environment(start, surroundings), new Dictionary<string, string> { [mcp] = McpConfiguration(surroundings.Bus) },
            [Encode(TaskPrompt.Of(start, surroundings))], ReadyWhenObserved: false, EndsWithTask: start.Task is not null);
    }

    /// <inheritdoc />
    public IOutputInterpreter Interpret() => new ClaudeCodeInterpreter();

    /// <inheritdoc />
    public string Encode(string message) => JsonSerializer.Serialize(
        new { type = "user", message = new { role = "user", content = new[] { new { type = "text", text = message } } } });

    private static Dictionary<string, string> Environment(StartPackage start, LaunchSurroundings surroundings)
    {
        var milliseconds = Milliseconds(start.Definition.Limits.ToolCallSeconds);
        var environment = new Dictionary<string, string>
        {
            ["ANTHROPIC_BASE_URL"] = surroundings.Bus.ToString().TrimEnd('/'),
            ["ANTHROPIC_AUTH_TOKEN"] = start.Key,
            ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1",
            ["DISABLE_AUTOUPDATER"] = "1",
            ["MCP_TOOL_TIMEOUT"] = milliseconds,
            ["BASH_DEFAULT_TIMEOUT_MS"] = milliseconds,
            ["BASH_MAX_TIMEOUT_MS"] = Milliseconds(Math.Max(start.Definition.Limits.CommandSeconds, start.Definition.Limits.ToolCallSeconds)),
        };
        if (start.Definition.ModelRoute is { } route)
        {
            // Its helpers ask for models of other names, which the gateway may not have.
            foreach (var name in (string[])["ANTHROPIC_DEFAULT_HAIKU_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL", "ANTHROPIC_DEFAULT_OPUS_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL"])
            {
                environment[name] = route;
            }
        }

        return environment;
    }

    private static string Milliseconds(int seconds) => (seconds * 1000L).ToString(CultureInfo.InvariantCulture);

    // The key is not in the file: the program takes it from its environment.
    private static string McpConfiguration(Uri bus) => new JsonObject
    {
        ["mcpServers"] = new JsonObject
        {
            [TaskPrompt.Server] = new JsonObject
            {
                ["type"] = "http",
                ["url"] = new Uri(bus, "/mcp").ToString(),
                ["headers"] = new JsonObject { ["Authorization"] = "Bearer ${CC_API_KEY}" },
            },
        },
    }.ToJsonString();

    private static void Add(List<string> command, string option, string? value)
    {
        if (!string.IsNullOrWhiteSpace(value))
        {
            command.AddRange([option, value]);
        }
    }
}
