using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;

namespace ControlCenter.Domain.Models;

/// <summary>What an answer says, in words: read only of answers that are compared, and kept nowhere.</summary>
public sealed class AnswerText
{
    private readonly StringBuilder _text = new();

    private AnswerText()
    {
    }

    /// <summary>Its words.</summary>
    public string Text => _text.ToString();

    /// <summary>Whether it calls a tool, or has something in it that may be a tool's.</summary>
    public bool CallsTools { get; private set; }

    /// <summary>Reads a finished answer.</summary>
    /// <returns>Null for what is none.</returns>
    public static AnswerText? Read(ModelEndpoint endpoint, bool isStream, byte[] answer)
    {
        var read = new AnswerText();
        try
        {
            if (isStream)
            {
                using var bytes = new MemoryStream(answer, writable: false);
                foreach (var sent in SseParser.Create(bytes, (_, line) => line.ToArray()).Enumerate().Where(e => e.Data is [(byte)'{', ..]))
                {
                    using var data = JsonDocument.Parse(sent.Data);
                    read.TakeEvent(endpoint, data.RootElement);
                }
            }
            else
            {
                using var whole = JsonDocument.Parse(answer);
                read.TakeWhole(endpoint, whole.RootElement);
            }

            return read;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private void TakeWhole(ModelEndpoint endpoint, JsonElement root)
    {
        switch (endpoint)
        {
            case ModelEndpoint.ChatCompletions:
                Each(root, "choices", choice => TakeMessage(choice, "message"));
                break;
            case ModelEndpoint.Responses:
                Each(root, "output", TakeItem);
                break;
            default:
                Each(root, "content", TakeBlock);
                break;
        }
    }

    private void TakeEvent(ModelEndpoint endpoint, JsonElement data)
    {
        switch (endpoint, Word(data, "type"))
        {
            case (ModelEndpoint.ChatCompletions, _):
                Each(data, "choices", choice => TakeMessage(choice, "delta"));
                break;
            case (ModelEndpoint.Responses, "response.output_item.done") when data.TryGetProperty("item", out var item):
                TakeItem(item);
                break;
            case (ModelEndpoint.Messages, "content_block_start") when data.TryGetProperty("content_block", out var block):
                TakeBlock(block);
                break;
            case (ModelEndpoint.Messages, "content_block_delta") when data.TryGetProperty("delta", out var delta) && Word(delta, "type") == "text_delta":
                _text.Append(Word(delta, "text"));
                break;
            default:
                break;
        }
    }

    // Anthropic's: what is neither words nor thoughts is a tool's, run by the caller or by the provider.
    private void TakeBlock(JsonElement block)
    {
        var type = Word(block, "type");
        CallsTools |= type is not ("text" or "thinking" or "redacted_thinking");
        _text.Append(type == "text" ? Word(block, "text") : null);
    }

    private void TakeItem(JsonElement item)
    {
        var type = Word(item, "type");
        CallsTools |= type is not ("message" or "reasoning");
        if (type == "message")
        {
            Each(item, "content", part => _text.Append(Word(part, "text")));
        }
    }

    private void TakeMessage(JsonElement choice, string name)
    {
        if (choice.TryGetProperty(name, out var message))
        {
            CallsTools |= Has(message, "tool_calls") || Has(message, "function_call");
            _text.Append(Word(message, "content"));
        }
    }

    private static bool Has(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null && (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > 0);

    private static string? Word(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static void Each(JsonElement of, string name, Action<JsonElement> take)
    {
        if (of.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array)
        {
            foreach (var one in list.EnumerateArray())
            {
                take(one);
            }
        }
    }
}
