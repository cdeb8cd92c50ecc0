using System.Text.Json;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Execution;

namespace ControlCenter.Runtime.Runner.Adapters;

/// <summary>What the built-in agents print, a JSON object a line; a remote agent that answers with lines of the same kind is understood too.</summary>
/// <param name="Type"><c>ready</c>, <c>text</c>, <c>tool_call</c>, <c>tool_result</c>, <c>usage</c>, <c>turn_end</c>, <c>compacted</c>.</param>
/// <param name="SessionId">With <c>ready</c>.</param>
/// <param name="Text">What was said.</param>
/// <param name="Id">Of a tool call.</param>
/// <param name="Tool">Its name.</param>
/// <param name="Arguments">Its arguments, as JSON.</param>
/// <param name="InputTokens">With <c>usage</c>.</param>
/// <param name="OutputTokens">With <c>usage</c>.</param>
/// <param name="Failed">With <c>turn_end</c>, and of a tool's result.</param>
public sealed record BuiltInLine(
    string Type, string? SessionId = null, string? Text = null, string? Id = null, string? Tool = null, string? Arguments = null,
    long? InputTokens = null, long? OutputTokens = null, bool? Failed = null)
{
    private static readonly JsonSerializerOptions Options = new(WireJson.Options) { DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull };

    /// <summary>As a line.</summary>
    public override string ToString() => JsonSerializer.Serialize(this, Options);

    /// <summary>A message to such an agent, as a line for its standard input.</summary>
    public static string Message(string text) => new BuiltInLine("message", Text: text).ToString();

    /// <summary>What a line of its standard input says; null where it says nothing.</summary>
    public static string? MessageIn(string line) => JsonLines.ObjectOf(line) is { } said && said.Text("type") == "message" ? said.Text("text") : null;
}

/// <summary>Understands <see cref="BuiltInLine"/>.</summary>
internal sealed class BuiltInInterpreter : IOutputInterpreter
{
    public IEnumerable<AdapterSignal> Read(OutputSource source, string line) =>
        source == OutputSource.Out && JsonLines.ObjectOf(line) is { } said ? Understand(said) : [];

    private static IEnumerable<AdapterSignal> Understand(JsonElement said) => said.Text("type") switch
    {
        "ready" => said.Text("session_id") is { } session ? [new AdapterSignal.SessionKnown(session), new AdapterSignal.Ready()] : [new AdapterSignal.Ready()],
        "tool_call" => [new AdapterSignal.ToolCalled(said.Text("tool") ?? "", said.Text("arguments") ?? "{}", said.Text("id"))],
        "tool_result" => [new AdapterSignal.ToolEnded(said.Text("id"))],
        "usage" => [new AdapterSignal.Used(Math.Max(0, said.Number("input_tokens")), Math.Max(0, said.Number("output_tokens")))],
        "turn_end" => [new AdapterSignal.TurnEnded(said.IsTrue("failed"), said.Text("text"))],
        "compacted" => [new AdapterSignal.Compacted(said.Text("text"))],
        _ => [],
    };
}
