using System.Globalization;
using System.Text.Json;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>Understands Claude Code's <c>stream-json</c>.</summary>
internal sealed class ClaudeCodeInterpreter : IOutputInterpreter
{
    // It introduces itself again with each turn.
    private bool _introduced;

    public IEnumerable<AdapterSignal> Read(OutputSource source, string line) =>
        source == OutputSource.Out && JsonLines.ObjectOf(line) is { } said ? Understand(said) : [];

    private IEnumerable<AdapterSignal> Understand(JsonElement said) => (said.Text("type"), said.Text("subtype")) switch
    {
        ("system", "init") => Introduced(said),
        ("system", "compact_boundary") => [new AdapterSignal.Compacted(Compaction(said.Child("compact_metadata")))],
        ("assistant", _) => Content(said).Where(c => c.Text("type") == "tool_use")
            .Select(c => new AdapterSignal.ToolCalled(c.Text("name") ?? "", c.Child("input")?.GetRawText() ?? "{}", c.Text("id"), IsCommand: c.Text("name") == "Bash")),
        ("user", _) => Content(said).Where(c => c.Text("type") == "tool_result").Select(c => new AdapterSignal.ToolEnded(c.Text("tool_use_id"))),
        ("result", _) => Ended(said),
        _ => [],
    };

    private IEnumerable<AdapterSignal> Introduced(JsonElement said)
    {
        if (_introduced)
        {
            yield break;
        }

        _introduced = true;
        if (said.Text("session_id") is { } session)
        {
            yield return new AdapterSignal.SessionKnown(session);
        }

        yield return new AdapterSignal.Ready();
    }

    private static IEnumerable<AdapterSignal> Ended(JsonElement said)
    {
        if (said.Child("usage") is { } usage)
        {
            var tokensIn = usage.Number("input_tokens") + usage.Number("cache_read_input_tokens") + usage.Number("cache_creation_input_tokens");
            if (tokensIn + usage.Number("output_tokens") > 0)
            {
                yield return new AdapterSignal.Used(tokensIn, usage.Number("output_tokens"));
            }
        }

        yield return new AdapterSignal.TurnEnded(said.IsTrue("is_error"), said.Text("result") ?? said.Text("subtype"));
    }

    private static IEnumerable<JsonElement> Content(JsonElement said) => said.Child("message") is { } message ? message.Items("content") : [];

    private static string? Compaction(JsonElement? about) =>
        about is { } metadata ? string.Create(CultureInfo.InvariantCulture, $"{metadata.Text("trigger") ?? "compacted"}: {metadata.Number("pre_tokens"):N0} tokens before") : null;
}
