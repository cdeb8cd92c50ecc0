using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace ControlCenter.TestSupport.Models;

/// <summary>A tool that a client offers to be called.</summary>
internal sealed record OfferedTool(string Name, string? Namespace = null);

/// <summary>One of the providers' wire formats. Every answer counts 100 tokens in, 20 of them from a cache where the format has one, and 12 out.</summary>
internal abstract class WireFormat
{
    public abstract JsonObject Whole(string model, bool usage, StandInTurn turn);

    public abstract IEnumerable<string> Events(string model, bool usage, StandInTurn turn);

    /// <summary>What came back from the tools that were called so far, oldest first.</summary>
    public virtual IReadOnlyList<string> Results(JsonObject request) => [];

    /// <summary>What the client offers to be called.</summary>
    public virtual IEnumerable<OfferedTool> Tools(JsonObject request) => Objects(request["tools"]).Select(t => new OfferedTool(t["name"]?.ToString() ?? ""));

    protected static IEnumerable<JsonObject> Objects(JsonNode? list) => (list as JsonArray)?.OfType<JsonObject>() ?? [];

    // A result is a text, or a list of parts that have texts.
    protected static string TextOf(JsonNode? content) => content is JsonArray parts
        ? string.Concat(parts.OfType<JsonObject>().Select(p => p["text"]?.ToString()))
        : content?.ToString() ?? "";

    public virtual Task ErrorAsync(HttpContext http, int status, string type, string message, string? code = null) =>
        WriteAsync(http, status, new JsonObject { ["error"] = new JsonObject { ["message"] = message, ["type"] = type, ["param"] = null, ["code"] = code } });

    protected static Task WriteAsync(HttpContext http, int status, JsonObject body)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(body.ToJsonString());
    }

    protected static string Data(JsonObject data) => $"data: {data.ToJsonString()}\n\n";

    protected static string Named(JsonObject data) => $"event: {data["type"]}\ndata: {data.ToJsonString()}\n\n";
}

/// <summary>Anthropic's messages.</summary>
internal class MessagesFormat : WireFormat
{
    public override Task ErrorAsync(HttpContext http, int status, string type, string message, string? code = null) => WriteAsync(http, status, new JsonObject
    {
        ["type"] = "error",
        ["error"] = new JsonObject { ["type"] = type, ["message"] = message },
        ["request_id"] = "req_stand_in",
    });

    public override JsonObject Whole(string model, bool usage, StandInTurn turn)
    {
        var message = Message(model, turn.Tool is null
            ? new JsonObject { ["type"] = "text", ["text"] = turn.Text }
            : new JsonObject { ["type"] = "tool_use", ["id"] = $"toolu_{turn.CallId}", ["name"] = turn.Tool, ["input"] = JsonNode.Parse(turn.Text) });
        message["stop_reason"] = turn.Tool is null ? "end_turn" : "tool_use";
        if (usage)
        {
            message["usage"] = Usage(12);
        }

        return message;
    }

    public override IEnumerable<string> Events(string model, bool usage, StandInTurn turn)
    {
        var start = Message(model, null);
        if (usage)
        {
            start["usage"] = Usage(1);
        }

        yield return Named(new JsonObject { ["type"] = "message_start", ["message"] = start });
        yield return Named(new JsonObject
        {
            ["type"] = "content_block_start",
            ["index"] = 0,
            ["content_block"] = turn.Tool is null
                ? new JsonObject { ["type"] = "text", ["text"] = "" }
                : new JsonObject { ["type"] = "tool_use", ["id"] = $"toolu_{turn.CallId}", ["name"] = turn.Tool, ["input"] = new JsonObject() },
        });
        foreach (var piece in turn.Pieces)
        {
            yield return Named(new JsonObject
            {
                ["type"] = "content_block_delta",
                ["index"] = 0,
                ["delta"] = turn.Tool is null
                    ? new JsonObject { ["type"] = "text_delta", ["text"] = piece }
                    : new JsonObject { ["type"] = "input_json_delta", ["partial_json"] = piece },
            });
        }

        yield return Named(new JsonObject { ["type"] = "content_block_stop", ["index"] = 0 });
        var delta = new JsonObject { ["type"] = "message_delta", ["delta"] = new JsonObject { ["stop_reason"] = turn.Tool is null ? "end_turn" : "tool_use", ["stop_sequence"] = null } };
        if (usage)
        {
            delta["usage"] = new JsonObject { ["output_tokens"] = 12 };
        }

        yield return Named(delta);
        yield return Named(new JsonObject { ["type"] = "message_stop" });
    }

    public override IReadOnlyList<string> Results(JsonObject request) =>
        [.. Objects(request["messages"]).SelectMany(m => Objects(m["content"])).Where(c => c["type"]?.ToString() == "tool_result").Select(c => TextOf(c["content"]))];

    private static JsonObject Usage(int output) =>
        new() { ["input_tokens"] = 80, ["cache_read_input_tokens"] = 20, ["cache_creation_input_tokens"] = 0, ["output_tokens"] = output };

    private static JsonObject Message(string model, JsonObject? content) => new()
    {
        ["id"] = "msg_1",
        ["type"] = "message",
        ["role"] = "assistant",
        ["model"] = model,
        ["content"] = content is null ? new JsonArray() : new JsonArray(content),
        ["stop_reason"] = null,
        ["stop_sequence"] = null,
    };
}

/// <summary>Anthropic's counting of tokens.</summary>
internal sealed class CountFormat : MessagesFormat
{
    public override JsonObject Whole(string model, bool usage, StandInTurn turn) => new() { ["input_tokens"] = 100 };
}

/// <summary>OpenAI's chat completions.</summary>
internal sealed class ChatFormat : WireFormat
{
    public override JsonObject Whole(string model, bool usage, StandInTurn turn)
    {
        var message = new JsonObject { ["role"] = "assistant", ["content"] = turn.Tool is null ? turn.Text : null };
        if (turn.Tool is not null)
        {
            message["tool_calls"] = new JsonArray(new JsonObject { ["id"] = $"call_{turn.CallId}", ["type"] = "function", ["function"] = new JsonObject { ["name"] = turn.Tool, ["arguments"] = turn.Text } });
        }

        var answer = new JsonObject
        {
            ["id"] = "chatcmpl-1",
            ["object"] = "chat.completion",
            ["created"] = 1,
            ["model"] = model,
            ["choices"] = new JsonArray(new JsonObject { ["index"] = 0, ["message"] = message, ["finish_reason"] = turn.Tool is null ? "stop" : "tool_calls" }),
        };
        if (usage)
        {
            answer["usage"] = Usage();
        }

        return answer;
    }

    public override IEnumerable<string> Events(string model, bool usage, StandInTurn turn)
    {
        yield return Data(Chunk(model, new JsonObject { ["role"] = "assistant", ["content"] = turn.Tool is null ? "" : null }, null));
        if (turn.Tool is not null)
        {
            yield return Data(Chunk(model, new JsonObject
            {
                ["tool_calls"] = new JsonArray(new JsonObject { ["index"] = 0, ["id"] = $"call_{turn.CallId}", ["type"] = "function", ["function"] = new JsonObject { ["name"] = turn.Tool, ["arguments"] = turn.Text } }),
            }, null));
        }
        else
        {
            foreach (var piece in turn.Pieces)
            {
                yield return Data(Chunk(model, new JsonObject { ["content"] = piece }, null));
            }
        }

        yield return Data(Chunk(model, [], turn.Tool is null ? "stop" : "tool_calls"));
        if (usage)
        {
            var last = Chunk(model, [], null);
            last["choices"] = new JsonArray();
            last["usage"] = Usage();
            yield return Data(last);
        }

        yield return "data: [DONE]\n\n";
    }

    public override IReadOnlyList<string> Results(JsonObject request) =>
        [.. Objects(request["messages"]).Where(m => m["role"]?.ToString() == "tool").Select(m => TextOf(m["content"]))];

    public override IEnumerable<OfferedTool> Tools(JsonObject request) => Objects(request["tools"]).Select(t => new OfferedTool(t["function"]?["name"]?.ToString() ?? ""));

    private static JsonObject Usage() => new()
    {
        ["prompt_tokens"] = 100,
        ["completion_tokens"] = 12,
        ["total_tokens"] = 112,
        ["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = 20 },
        ["completion_tokens_details"] = new JsonObject { ["reasoning_tokens"] = 0 },
    };

    private static JsonObject Chunk(string model, JsonObject delta, string? finish) => new()
    {
        ["id"] = "chatcmpl-1",
        ["object"] = "chat.completion.chunk",
        ["created"] = 1,
        ["model"] = model,
        ["choices"] = new JsonArray(new JsonObject { ["index"] = 0, ["delta"] = delta, ["finish_reason"] = finish }),
    };
}

/// <summary>OpenAI's responses.</summary>
internal sealed class ResponsesFormat : WireFormat
{
    public override JsonObject Whole(string model, bool usage, StandInTurn turn) => Response(model, "completed", [Item(turn, complete: true)], usage);

    public override IEnumerable<string> Events(string model, bool usage, StandInTurn turn)
    {
        var number = 0;
        string Event(string type, JsonObject more)
        {
            var data = new JsonObject { ["type"] = type, ["sequence_number"] = number++ };
            foreach (var (name, value) in more)
            {
                data[name] = value?.DeepClone();
            }

            return Named(data);
        }

        yield return Event("response.created", new JsonObject { ["response"] = Response(model, "in_progress", [], usage: false) });
        yield return Event("response.output_item.added", new JsonObject { ["output_index"] = 0, ["item"] = Item(turn, complete: false) });
        if (turn.Tool is not null)
        {
            yield return Event("response.function_call_arguments.delta", new JsonObject { ["item_id"] = $"fc_{turn.CallId}", ["output_index"] = 0, ["delta"] = turn.Text });
            yield return Event("response.function_call_arguments.done", new JsonObject { ["item_id"] = $"fc_{turn.CallId}", ["output_index"] = 0, ["arguments"] = turn.Text });
        }
        else
        {
            yield return Event("response.content_part.added", new JsonObject { ["item_id"] = "msg_1", ["output_index"] = 0, ["content_index"] = 0, ["part"] = Part("") });
            foreach (var piece in turn.Pieces)
            {
                yield return Event("response.output_text.delta", new JsonObject { ["item_id"] = "msg_1", ["output_index"] = 0, ["content_index"] = 0, ["delta"] = piece, ["logprobs"] = new JsonArray() });
            }

            yield return Event("response.output_text.done", new JsonObject { ["item_id"] = "msg_1", ["output_index"] = 0, ["content_index"] = 0, ["text"] = turn.Text, ["logprobs"] = new JsonArray() });
            yield return Event("response.content_part.done", new JsonObject { ["item_id"] = "msg_1", ["output_index"] = 0, ["content_index"] = 0, ["part"] = Part(turn.Text) });
        }

        yield return Event("response.output_item.done", new JsonObject { ["output_index"] = 0, ["item"] = Item(turn, complete: true) });
        yield return Event("response.completed", new JsonObject { ["response"] = Response(model, "completed", [Item(turn, complete: true)], usage) });
    }

    public override IReadOnlyList<string> Results(JsonObject request) =>
        [.. Objects(request["input"]).Where(i => i["type"]?.ToString() == "function_call_output").Select(i => TextOf(i["output"]))];

    // Tools of a server are offered, and called, within a namespace of its own.
    public override IEnumerable<OfferedTool> Tools(JsonObject request) => Objects(request["tools"]).SelectMany(t => t["type"]?.ToString() == "namespace"
        ? Objects(t["tools"]).Select(inner => new OfferedTool(inner["name"]?.ToString() ?? "", t["name"]?.ToString()))
        : [new OfferedTool(t["name"]?.ToString() ?? "")]);

    private static JsonObject Part(string text) => new() { ["type"] = "output_text", ["text"] = text, ["annotations"] = new JsonArray(), ["logprobs"] = new JsonArray() };

    private static JsonObject Item(StandInTurn turn, bool complete) => turn.Tool is null
        ? new JsonObject
        {
            ["type"] = "message",
            ["id"] = "msg_1",
            ["status"] = complete ? "completed" : "in_progress",
            ["role"] = "assistant",
            ["content"] = complete ? new JsonArray(Part(turn.Text)) : new JsonArray(),
        }
        : new JsonObject
        {
            ["type"] = "function_call",
            ["id"] = $"fc_{turn.CallId}",
            ["call_id"] = $"call_{turn.CallId}",
            ["name"] = turn.Tool,
            ["namespace"] = turn.Namespace,
            ["arguments"] = complete ? turn.Text : "",
            ["status"] = complete ? "completed" : "in_progress",
        };

    private static JsonObject Response(string model, string status, JsonArray output, bool usage) => new()
    {
        ["id"] = "resp_1",
        ["object"] = "response",
        ["created_at"] = 1,
        ["status"] = status,
        ["model"] = model,
        ["output"] = output,
        ["parallel_tool_calls"] = true,
        ["tool_choice"] = "auto",
        ["tools"] = new JsonArray(),
        ["error"] = null,
        ["usage"] = !usage ? null : new JsonObject
        {
            ["input_tokens"] = 100,
            ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = 20 },
            ["output_tokens"] = 12,
            ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = 0 },
            ["total_tokens"] = 112,
        },
    };
}
