using System.Buffers;
using System.Text.Json;
using ControlCenter.Domain.Events;
using ControlCenter.Runtime.EventLog;

namespace ControlCenter.Dashboard.Events;

/// <summary>An event in full, as the bus writes it.</summary>
internal static class EventDetail
{
    public static JsonElement Of(EventRecord record)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            EventWire.Write(writer, record);
        }

        return JsonElement.Parse(buffer.WrittenSpan);
    }
}
