using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>Codex, headless: one turn a process, printed as JSON lines; another process can go on with its session. Seen with 0.169.0.</summary>
public sealed class CodexAdapter : IExecutionAdapter
{
    /// <summary>
    /// Puts the prompt into its standard input, whose end it waits for, so that it stands in no list of processes. Of a session that is gone on with
    /// it counts the tokens of all turns as this one's: it says so first.
    /// </summary>
    private const string Script =
        """
        [ "$1" = new ] || echo '{"type":"control_center.resumed"}'
        shift
        exec "$@" <"$0"
        """;

    /// <inheritdoc />
    public string Name => "codex";

    /// <inheritdoc />
    public bool CanResume => true;

    /// <inheritdoc />
    public LaunchPlan Plan(StartPackage start, LaunchSurroundings surroundings)
    {
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(surroundings);
        var home = Path.Combine(surroundings.Private, ".codex");
        var prompt = Path.Combine(surroundings.Private, "prompt.md");
        var program = ProgramPath.Resolve(
            start.Definition.Command.Count > 0 ? start.Definition.Command : ["codex"], surroundings.Workspace, Environment.GetEnvironmentVariable("PATH") ?? "");
        string[] session = start.ResumeNativeSessionId is { } resumed ? ["exec", "resume", "--json", "--skip-git-repo-check", resumed, "-"] : ["exec", "--json", "--skip-git-repo-check", "-"];
        return new LaunchPlan(
            ["sh", "-c", Script, prompt, start.ResumeNativeSessionId is null ? "new" : "resumed", .. program, .. session],
            new Dictionary<string, string> { ["CODEX_HOME"] = home },
            new Dictionary<string, string>
            {
                [Path.Combine(home, "config.toml")] = Configuration(start, surroundings.Bus),
                [prompt] = string.Join("\n\n", new[] { start.Definition.Instructions, TaskPrompt.Of(start, surroundings) }.Where(t => !string.IsNullOrWhiteSpace(t))) + "\n",
            },
            [], ReadyWhenObserved: false, EndsWithTask: false, NoInput: true);
    }

    /// <inheritdoc />
    public IOutputInterpreter Interpret() => new CodexInterpreter();

    /// <inheritdoc />
    public string? Encode(string message) => null;

    // The key is not in the file: the program takes it from its environment.
    private static string Configuration(StartPackage start, Uri bus)
    {
        var seconds = start.Definition.Limits.ToolCallSeconds.ToString(CultureInfo.InvariantCulture);
        var text = new StringBuilder();
        if (start.Definition.ModelRoute is { } route)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"model = {Quoted(route)}");
        }

        text.AppendLine(CultureInfo.InvariantCulture,
            $"""
            model_provider = "{TaskPrompt.Server}"
            approval_policy = "never"
            sandbox_mode = "workspace-write"

            [sandbox_workspace_write]
            network_access = true

            [model_providers.{TaskPrompt.Server}]
            name = "Control Center"
            base_url = {Quoted(new Uri(bus, "/v1").ToString())}
            env_key = "CC_API_KEY"
            wire_api = "responses"

            [mcp_servers.{TaskPrompt.Server}]
            url = {Quoted(new Uri(bus, "/mcp").ToString())}
            bearer_token_env_var = "CC_API_KEY"
            startup_timeout_sec = 30
            tool_timeout_sec = {seconds}
            """);
        if (start.Definition.Tools.Count > 0)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"enabled_tools = [{string.Join(", ", start.Definition.Tools.Select(Quoted))}]");
        }

        return text.ToString();
    }

    // A basic string of TOML has the escapes of JSON.
    private static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";
}
