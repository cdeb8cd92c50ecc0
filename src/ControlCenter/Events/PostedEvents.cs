using System.Text;
using System.Text.Json;
using ControlCenter.Bus;
using ControlCenter.Domain.Json;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.EventLog;

namespace ControlCenter.Events;

/// <summary>Reads posted events straight from the bytes: the busiest path of the bus makes no objects that it does not keep.</summary>
internal static class PostedEvents
{
    private static readonly JsonReaderOptions Strict = new() { CommentHandling = JsonCommentHandling.Disallow, MaxDepth = 64 };

    /// <summary>One event, or an array of them.</summary>
    /// <exception cref="DomainException"><c>malformed_json</c> or <c>validation_failed</c>.</exception>
    public static List<PostedEvent> Parse(ReadOnlySpan<byte> body)
    {
        RequestBody.RequireUtf8(body);
        var events = new List<PostedEvent>(1);
        var reader = new Utf8JsonReader(body, Strict);
        try
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartArray)
            {
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    events.Add(ReadOne(ref reader, body, events.Count));
                }
            }
            else
            {
                events.Add(ReadOne(ref reader, body, 0));
            }

            // Anything after the value is an error that only reading on shows.
            reader.Read();
        }
        catch (JsonException fault)
        {
            throw new DomainException(ProblemTypes.MalformedJson, $"The body is not JSON: line {fault.LineNumber + 1}, byte {fault.BytePositionInLine + 1}.");
        }
        catch (InvalidOperationException)
        {
            throw new ValidationException("body", "It has text that is not valid Unicode (a lone surrogate).");
        }

        return events;
    }

    private static PostedEvent ReadOne(ref Utf8JsonReader reader, ReadOnlySpan<byte> body, int index)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new ValidationException($"[{index}]", "An event is an object: { \"kind\", \"subject\"?, \"data\"? }.");
        }

        string? kind = null, subject = null, data = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("kind"u8) && kind is null)
            {
                kind = ReadText(ref reader, "kind", index) ?? throw new ValidationException($"[{index}].kind", "It must not be null.");
            }
            else if (reader.ValueTextEquals("subject"u8) && subject is null)
            {
                subject = ReadText(ref reader, "subject", index);
            }
            else if (reader.ValueTextEquals("data"u8) && data is null)
            {
                data = ReadData(ref reader, body, index);
            }
            else
            {
                throw new ValidationException($"[{index}].{reader.GetString()}", "There is no such field, or it stands twice.");
            }
        }

        return new PostedEvent(kind ?? throw new ValidationException($"[{index}].kind", "It is missing."), subject, data ?? "{}");
    }

    private static string? ReadText(ref Utf8JsonReader reader, string field, int index)
    {
        reader.Read();
        return reader.TokenType switch
        {
            JsonTokenType.Null => null,
            JsonTokenType.String when Domain.Text.TextRules.Storable(reader.GetString()) is { } problem => throw new ValidationException($"[{index}].{field}", problem),
            JsonTokenType.String => reader.GetString(),
            _ => throw new ValidationException($"[{index}].{field}", "It must be text."),
        };
    }

    private static string ReadData(ref Utf8JsonReader reader, ReadOnlySpan<byte> body, int index)
    {
        reader.Read();
        var from = (int)reader.TokenStartIndex;
        reader.Skip();
        var raw = body[from..(int)reader.BytesConsumed];
        if (raw.IndexOf("\\u"u8) >= 0 && JsonRules.Storable(JsonElement.Parse(raw)) is { } problem)
        {
            throw new ValidationException($"[{index}].data", problem);
        }

        return Encoding.UTF8.GetString(raw);
    }
}
