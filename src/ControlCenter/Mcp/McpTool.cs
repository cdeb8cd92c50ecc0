using System.Text.Json;
using ControlCenter.Bus;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ModelContextProtocol.Protocol;

namespace ControlCenter.Mcp;

/// <summary>One call of a command as a tool.</summary>
/// <typeparam name="TRequest">Its arguments.</typeparam>
internal sealed record ToolCall<TRequest>(HttpContext Http, TRequest Request, Guid Id, Caller Caller, IdempotentRequest? Idempotency)
{
    public CancellationToken Aborted => Http.RequestAborted;

    public T Service<T>()
        where T : notnull => Http.RequestServices.GetRequiredService<T>();
}

/// <summary>A command or a query of the bus as a tool: the same request record, checked by the same rules.</summary>
internal sealed class McpTool
{
    private const string RepeatKey = "idempotency_key";

    private const string AboutRepeatKey =
        "1 to 200 printable characters of your choice, one for each thing you do. The same key and arguments again get the first answer again, and nothing is done twice.";

    private McpTool(Tool listed, Permission needs, Func<HttpContext, IDictionary<string, JsonElement>, Task<JsonElement>> runAsync) =>
        (Listed, Needs, RunAsync) = (listed, needs, runAsync);

    /// <summary>As clients see it.</summary>
    public Tool Listed { get; }

    /// <summary>Whoever may not do this does not see it.</summary>
    public Permission Needs { get; }

    /// <summary>Calls it; the answer is a JSON object.</summary>
    public Func<HttpContext, IDictionary<string, JsonElement>, Task<JsonElement>> RunAsync { get; }

    /// <summary>A command, which may be repeated by key.</summary>
    /// <param name="name">Its name in the contract.</param>
    /// <param name="needs">What its caller must be allowed.</param>
    /// <param name="description">What it does and when to use it, for a model.</param>
    /// <param name="arguments">What each argument means; <paramref name="id"/> too.</param>
    /// <param name="run">Does it.</param>
    /// <param name="id">The argument that stands in the path over HTTP; it is no part of the request.</param>
    public static McpTool Command<TRequest, TResult>(
        string name, Permission needs, string description, Dictionary<string, string> arguments, Func<ToolCall<TRequest>, Task<Outcome<TResult>>> run, string? id = null)
        where TResult : class =>
        Of(name, needs, description, new Dictionary<string, string>(arguments, StringComparer.Ordinal) { [RepeatKey] = AboutRepeatKey }, run, id, isQuery: false);

    /// <summary>A query.</summary>
    public static McpTool Query<TRequest, TResult>(
        string name, Permission needs, string description, Dictionary<string, string> arguments, Func<ToolCall<TRequest>, Task<TResult>> run, string? id = null)
        where TResult : class =>
        Of<TRequest, TResult>(name, needs, description, arguments, async call => new Outcome<TResult>(await run(call), null), id, isQuery: true);

    private static McpTool Of<TRequest, TResult>(
        string name, Permission needs, string description, Dictionary<string, string> arguments, Func<ToolCall<TRequest>, Task<Outcome<TResult>>> run, string? id, bool isQuery)
        where TResult : class
    {
        var listed = new Tool
        {
            Name = name,
            Description = description,
            InputSchema = ToolSchema.Of(typeof(TRequest), id, arguments),
            Annotations = new ToolAnnotations { ReadOnlyHint = isQuery, DestructiveHint = false, IdempotentHint = isQuery, OpenWorldHint = false },
        };
        return new McpTool(listed, needs, async (http, given) =>
        {
            var call = Read<TRequest>(http, name, given, id);
            using var turn = call.Idempotency is { } repeat ? await call.Service<IdempotencyGate>().EnterAsync(call.Caller.ActorId, repeat.Key, call.Aborted) : null;
            var outcome = await run(call);
            return outcome.Replayed is { } replay
                ? JsonSerializer.Deserialize<JsonElement>(replay.Body)
                : JsonSerializer.SerializeToElement(outcome.Value, WireJson.Options);
        });
    }

    private static ToolCall<TRequest> Read<TRequest>(HttpContext http, string tool, IDictionary<string, JsonElement> given, string? id)
    {
        var caller = BusRoutes.CallerOf(http);
        var fields = new Dictionary<string, JsonElement>(given, StringComparer.Ordinal);
        var named = Guid.Empty;
        if (id is not null && !(fields.Remove(id, out var value) && value.ValueKind == JsonValueKind.String && value.TryGetGuid(out named)))
        {
            throw new ValidationException(id, "It is needed, and is an id.");
        }

        IdempotentRequest? idempotency = null;
        if (fields.Remove(RepeatKey, out var key) && key.ValueKind != JsonValueKind.Null)
        {
            var text = key.ValueKind == JsonValueKind.String ? key.GetString()! : throw new ValidationException(RepeatKey, "It is a text.");
            idempotency = RequestBody.IdempotencyOf(http, text, caller.ActorId, $"tool {tool} {named}", JsonSerializer.SerializeToUtf8Bytes(fields), StatusCodes.Status200OK);
        }

        return new ToolCall<TRequest>(http, RequestBody.Parse<TRequest>(JsonSerializer.SerializeToUtf8Bytes(fields)), named, caller, idempotency);
    }
}
