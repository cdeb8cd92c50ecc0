using System.Buffers;
using System.Text;
using System.Text.Json;
using ControlCenter.Domain.Events;

namespace ControlCenter.Runtime.EventLog;

/// <summary>The one form in which an event leaves the host: in lists, streams and the hub alike (bus-api.md, Events).</summary>
public static class EventWire
{
    private static readonly JsonEncodedText Seq = JsonEncodedText.Encode("seq");
    private static readonly JsonEncodedText At = JsonEncodedText.Encode("at");
    private static readonly JsonEncodedText ActorId = JsonEncodedText.Encode("actor_id");
    private static readonly JsonEncodedText Kind = JsonEncodedText.Encode("kind");
    private static readonly JsonEncodedText Subject = JsonEncodedText.Encode("subject");
    private static readonly JsonEncodedText TicketId = JsonEncodedText.Encode("ticket_id");
    private static readonly JsonEncodedText TaskId = JsonEncodedText.Encode("task_id");
    private static readonly JsonEncodedText Data = JsonEncodedText.Encode("data");
    private static readonly JsonEncodedText CorrelationId = JsonEncodedText.Encode("correlation_id");

    /// <summary>Writes the event as one JSON object.</summary>
    public static void Write(Utf8JsonWriter writer, EventRecord record)
    {
        writer.WriteStartObject();
        writer.WriteNumber(Seq, record.Seq);
        writer.WriteString(At, record.At.UtcDateTime);
        writer.WriteString(ActorId, record.ActorId);
        writer.WriteString(Kind, record.Kind);
        WriteOptional(writer, Subject, record.Subject);
        WriteOptional(writer, TicketId, record.TicketId);
        WriteOptional(writer, TaskId, record.TaskId);
        writer.WritePropertyName(Data);
        writer.WriteRawValue(record.Data, skipInputValidation: true);
        WriteOptional(writer, CorrelationId, record.CorrelationId);
        writer.WriteEndObject();
    }

    /// <summary>The message of a stream, ready to be sent to any number of readers: <c>id:</c>, <c>data:</c> and an empty line.</summary>
    public static byte[] Frame(EventRecord record)
    {
        var buffer = new ArrayBufferWriter<byte>(256 + record.Data.Length);
        Encoding.UTF8.GetBytes($"id: {record.Seq}\ndata: ", buffer);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            Write(writer, record);
        }

        buffer.Write("\n\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>The JSON in a message that <see cref="Frame"/> has made.</summary>
    public static ReadOnlyMemory<byte> JsonIn(ReadOnlyMemory<byte> frame)
    {
        var start = frame.Span.IndexOf("data: "u8) + "data: "u8.Length;
        return frame[start..^2];
    }

    private static void WriteOptional(Utf8JsonWriter writer, JsonEncodedText name, Guid? value)
    {
        if (value is { } id)
        {
            writer.WriteString(name, id);
        }
        else
        {
            writer.WriteNull(name);
        }
    }

    private static void WriteOptional(Utf8JsonWriter writer, JsonEncodedText name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
        else
        {
            writer.WriteNull(name);
        }
    }
}
