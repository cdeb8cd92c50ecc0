using System.Text.Json;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>Understands <c>codex exec --json</c>.</summary>
internal sealed class CodexInterpreter : IOutputInterpreter
{
    private readonly HashSet<string> _begun = new(StringComparer.Ordinal);
    private bool _countsAll;
    private string? _said;

    public IEnumerable<AdapterSignal> Read(OutputSource source, string line) =>
        source == OutputSource.Out && JsonLines.ObjectOf(line) is { } said ? Understand(said) : [];

    private IEnumerable<AdapterSignal> Understand(JsonElement said)
    {
        switch (said.Text("type"))
        {
            case "control_center.resumed":
                _countsAll = true;
                return [];
            case "thread.started":
                return said.Text("thread_id") is { } thread ? [new AdapterSignal.SessionKnown(thread), new AdapterSignal.Ready()] : [new AdapterSignal.Ready()];
            case "item.started" when said.Child("item") is { } item:
                return Begun(item);
            case "item.completed" when said.Child("item") is { } item:
                return Completed(item);
            case "turn.completed":
                // What a session used before this process is in its count too: what this one used is then not known.
                return said.Child("usage") is { } usage && !_countsAll
                    ? [new AdapterSignal.Used(usage.Number("input_tokens"), usage.Number("output_tokens")), new AdapterSignal.TurnEnded(Text: _said)]
                    : [new AdapterSignal.TurnEnded(Text: _said)];
            case "turn.failed":
                return [new AdapterSignal.TurnEnded(Failed: true, said.Child("error")?.Text("message"))];
            default:
                return [];
        }
    }

    private IEnumerable<AdapterSignal> Begun(JsonElement item)
    {
        if (ToolOf(item) is var (tool, arguments) && _begun.Add(item.Text("id") ?? ""))
        {
            yield return new AdapterSignal.ToolCalled(tool, arguments, item.Text("id"), IsCommand: item.Text("type") == "command_execution");
        }
    }

    private IEnumerable<AdapterSignal> Completed(JsonElement item)
    {
        if (item.Text("type") == "agent_message")
        {
            _said = item.Text("text");
        }

        if (item.Text("type") == "context_compaction")
        {
            yield return new AdapterSignal.Compacted();
        }

        if (ToolOf(item) is null)
        {
            yield break;
        }

        // Some are told of only when they are over.
        foreach (var begun in Begun(item))
        {
            yield return begun;
        }

        yield return new AdapterSignal.ToolEnded(item.Text("id"));
    }

    private static (string Tool, string Arguments)? ToolOf(JsonElement item) => item.Text("type") switch
    {
        "mcp_tool_call" => ($"{item.Text("server")}/{item.Text("tool")}", item.Child("arguments")?.GetRawText() ?? "{}"),
        "command_execution" => ("command", item.Text("command") ?? ""),
        "file_change" => ("file_change", item.Child("changes")?.GetRawText() ?? "[]"),
        "web_search" => ("web_search", item.Text("query") ?? ""),
        _ => null,
    };
}
