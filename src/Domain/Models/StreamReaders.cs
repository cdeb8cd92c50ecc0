using System.Buffers;
using System.Text.Json;
using ControlCenter.Domain.Costs;

namespace ControlCenter.Domain.Models;

/// <summary>Reads a stream of server-sent events line by line, wherever its bytes are cut.</summary>
internal abstract class StreamAnswerReader : AnswerReader
{
    // The last event of a response repeats all of its output. What is longer than this is passed on all the same, and not read.
    private const int LongestLine = 16 * 1024 * 1024;

    private readonly ArrayBufferWriter<byte> _begun = new();
    private bool _skips;

    public override void Read(ReadOnlySpan<byte> bytes)
    {
        while (bytes.IndexOf((byte)'\n') is var end && end >= 0)
        {
            if (_skips)
            {
                _skips = false;
            }
            else if (_begun.WrittenCount == 0)
            {
                ReadLine(bytes[..end]);
            }
            else
            {
                _begun.Write(bytes[..end]);
                ReadLine(_begun.WrittenSpan);
                _begun.ResetWrittenCount();
            }

            bytes = bytes[(end + 1)..];
        }

        if (!_skips && _begun.WrittenCount + bytes.Length <= LongestLine)
        {
            _begun.Write(bytes);
        }
        else if (!bytes.IsEmpty)
        {
            _skips = true;
            _begun.ResetWrittenCount();
        }
    }

    /// <summary>Reads what one event carries.</summary>
    protected abstract void ReadData(ReadOnlySpan<byte> data);

    /// <summary>Counts the text that stands under a name, as written.</summary>
    /// <param name="data">The event.</param>
    /// <param name="name">The name, with its quotes and its colon.</param>
    protected void Count(ReadOnlySpan<byte> data, ReadOnlySpan<byte> name)
    {
        if (data.IndexOf(name) is not (>= 0 and var at))
        {
            return;
        }

        var text = data[(at + name.Length)..].TrimStart((byte)' ');
        if (text.Length < 2 || text[0] != (byte)'"')
        {
            return;
        }

        text = text[1..];
        var length = LengthOf(text);
        OutputSeen += length == 0 ? 0 : Math.Max(1, length / BytesPerToken);
    }

    // To the quote that ends it: one behind an odd number of backslashes does not.
    private static int LengthOf(ReadOnlySpan<byte> text)
    {
        var at = 0;
        while (at < text.Length && text[at..].IndexOfAny((byte)'"', (byte)'\\') is >= 0 and var next)
        {
            if (text[at + next] == (byte)'"')
            {
                return at + next;
            }

            at += next + 2;
        }

        return text.Length;
    }

    /// <summary>Parses an event; null if it is none.</summary>
    protected static JsonDocument? Parse(ReadOnlySpan<byte> data)
    {
        try
        {
            var reader = new Utf8JsonReader(data);
            return JsonDocument.ParseValue(ref reader) is { RootElement.ValueKind: JsonValueKind.Object } document ? document : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The object under a name; null where there is none, or something else.</summary>
    protected static JsonElement? Within(JsonElement of, string name) =>
        of.TryGetProperty(name, out var within) && within.ValueKind == JsonValueKind.Object ? within : null;

    protected static string? TypeOf(JsonElement of) =>
        of.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String ? type.GetString() : null;

    private void ReadLine(ReadOnlySpan<byte> line)
    {
        if (line.StartsWith("data:"u8))
        {
            ReadData(line[5..].Trim(" \r"u8));
        }
    }
}

/// <summary>Anthropic's messages.</summary>
internal sealed class MessageStreamReader : StreamAnswerReader
{
    protected override void ReadData(ReadOnlySpan<byte> data)
    {
        // By far the most events are pieces of text, which are not parsed.
        if (data.IndexOf("\"content_block_delta\""u8) is >= 0 and < 12)
        {
            Count(data, "\"text\":"u8);
            Count(data, "\"thinking\":"u8);
            Count(data, "\"partial_json\":"u8);
            return;
        }

        using var parsed = Parse(data);
        if (parsed is null)
        {
            return;
        }

        var root = parsed.RootElement;
        switch (TypeOf(root))
        {
            case "message_start" when Within(root, "message") is { } message && Within(message, "usage") is { } usage:
                // The output counted here is only its beginning.
                Usage = UsageOf(ModelEndpoint.Messages, usage) with { Output = null };
                break;
            case "message_delta" when Within(root, "usage") is { } usage:
                var later = UsageOf(ModelEndpoint.Messages, usage);
                Usage = new TokenUsage(later.Input ?? Usage.Input, later.Output ?? Usage.Output, later.CacheRead ?? Usage.CacheRead, later.CacheWrite ?? Usage.CacheWrite);
                break;
            case "message_stop":
                IsComplete = true;
                break;
            case "error":
                HasFailed = true;
                break;
            default:
                break;
        }
    }
}

/// <summary>OpenAI's chat completions.</summary>
internal sealed class ChatStreamReader : StreamAnswerReader
{
    protected override void ReadData(ReadOnlySpan<byte> data)
    {
        if (data.SequenceEqual("[DONE]"u8))
        {
            IsComplete = true;
            return;
        }

        Count(data, "\"content\":"u8);
        Count(data, "\"reasoning_content\":"u8);
        Count(data, "\"arguments\":"u8);
        if (!ChatUsage.MayBeIn(data) && data.IndexOf("\"error\""u8) is < 0 or > 2)
        {
            return;
        }

        using var parsed = Parse(data);
        if (parsed is null)
        {
            return;
        }

        HasFailed |= Within(parsed.RootElement, "error") is not null;
        if (Within(parsed.RootElement, "usage") is { } usage)
        {
            Usage = UsageOf(ModelEndpoint.ChatCompletions, usage);
        }
    }
}

/// <summary>OpenAI's responses.</summary>
internal sealed class ResponseStreamReader : StreamAnswerReader
{
    protected override void ReadData(ReadOnlySpan<byte> data)
    {
        if (data.IndexOf(".delta\""u8) is >= 0 and < 64)
        {
            Count(data, "\"delta\":"u8);
            return;
        }

        using var parsed = Parse(data);
        if (parsed is null)
        {
            return;
        }

        var type = TypeOf(parsed.RootElement);
        HasFailed |= type is "error" or "response.failed";
        if (type is "response.completed" or "response.incomplete" or "response.failed")
        {
            IsComplete = true;
            if (Within(parsed.RootElement, "response") is { } response && Within(response, "usage") is { } usage)
            {
                Usage = UsageOf(ModelEndpoint.Responses, usage);
            }
        }
    }
}

/// <summary>
/// Keeps from a chat stream the one event that tells its usage, where the gateway asked for it and the caller did not: clients
/// that did not ask trip over an event without choices.
/// </summary>
public sealed class ChatUsage
{
    private readonly ArrayBufferWriter<byte> _begun = new();
    private readonly ArrayBufferWriter<byte> _passed = new();

    /// <summary>What of these bytes, and of those kept back before, the caller gets now: whole events.</summary>
    public ReadOnlyMemory<byte> Pass(ReadOnlySpan<byte> bytes)
    {
        _passed.ResetWrittenCount();
        _begun.Write(bytes);
        var rest = _begun.WrittenSpan;
        while (EndOfEvent(rest) is var end && end > 0)
        {
            if (!IsUsageAlone(rest[..end]))
            {
                _passed.Write(rest[..end]);
            }

            rest = rest[end..];
        }

        var left = rest.ToArray();
        _begun.ResetWrittenCount();
        _begun.Write(left);
        return _passed.WrittenMemory;
    }

    /// <summary>What is left at the end of the stream.</summary>
    public ReadOnlyMemory<byte> Rest => _begun.WrittenMemory;

    internal static bool MayBeIn(ReadOnlySpan<byte> data)
    {
        var at = data.IndexOf("\"usage\""u8);
        return at >= 0 && !data[(at + 7)..].TrimStart(": "u8).StartsWith("null"u8);
    }

    private static int EndOfEvent(ReadOnlySpan<byte> bytes)
    {
        var plain = bytes.IndexOf("\n\n"u8);
        var windows = bytes.IndexOf("\r\n\r\n"u8);
        return windows >= 0 && (plain < 0 || windows < plain) ? windows + 4 : plain >= 0 ? plain + 2 : 0;
    }

    private static bool IsUsageAlone(ReadOnlySpan<byte> sent)
    {
        if (!sent.StartsWith("data:"u8) || !MayBeIn(sent))
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(sent[5..].Trim(" \r\n"u8));
            using var parsed = JsonDocument.ParseValue(ref reader);
            return parsed.RootElement.ValueKind == JsonValueKind.Object
                && parsed.RootElement.TryGetProperty("choices", out var choices) && choices.ValueKind == JsonValueKind.Array && choices.GetArrayLength() == 0;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
