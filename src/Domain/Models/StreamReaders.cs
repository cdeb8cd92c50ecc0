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

    /// <summary>Counts the text after a marker, to the end of the event, as written.</summary>
    protected void Count(ReadOnlySpan<byte> data, ReadOnlySpan<byte> marker)
    {
        if (data.IndexOf(marker) is var at && at >= 0)
        {
            OutputSeen += Math.Max(1, (data.Length - at - marker.Length) / BytesPerToken);
        }
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
            Count(data, "_delta\",\""u8);
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
            case "message_start" when root.TryGetProperty("message", out var message) && message.TryGetProperty("usage", out var usage):
                // The output counted here is only its beginning.
                Usage = UsageOf(ModelEndpoint.Messages, usage) with { Output = null };
                break;
            case "message_delta" when root.TryGetProperty("usage", out var usage):
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

        Count(data, "\"content\":\""u8);
        Count(data, "\"arguments\":\""u8);
        if (!ChatUsage.MayBeIn(data) && data.IndexOf("\"error\""u8) is < 0 or > 2)
        {
            return;
        }

        using var parsed = Parse(data);
        if (parsed is null)
        {
            return;
        }

        HasFailed |= parsed.RootElement.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object;
        if (parsed.RootElement.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object)
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
            Count(data, "\"delta\":\""u8);
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
            if (parsed.RootElement.TryGetProperty("response", out var response) && response.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object)
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
