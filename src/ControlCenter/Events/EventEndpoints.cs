using System.Buffers;
using System.Text.Json;
using ControlCenter.Bus;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;

namespace ControlCenter.Events;

/// <summary>Posting, reading and streaming events (bus-api.md, Events and the stream).</summary>
internal static class EventEndpoints
{
    private const int MostInOneList = 200;
    private const int DefaultList = 50;

    public static void MapEvents(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/events", (Delegate)PostAsync)
            .Accepts<PostedEventBody>("application/json").Produces<AcceptedEvents>(201).ProducesProblem(400).ProducesProblem(401).ProducesProblem(413).ProducesProblem(429);
        routes.MapGet("/events", (Delegate)ListAsync).Produces<EventPage>().ProducesProblem(400).ProducesProblem(401);
        routes.MapGet("/stream", (Delegate)((HttpContext http) => http.RequestServices.GetRequiredService<StreamRegistry>().ServeAsync(http)))
            .Produces(200, contentType: "text/event-stream").ProducesProblem(400).ProducesProblem(401);
    }

    private static async Task PostAsync(HttpContext http)
    {
        var caller = BusRoutes.CallerOf(http);
        RequestBody.RequireJson(http);
        var body = await RequestBody.ReadAsync(http);
        var events = PostedEvents.Parse(body.Span);
        http.RequestServices.GetRequiredService<RateLimiting>().Events(caller, events.Count, http.Response);
        var idempotency = RequestBody.IdempotencyOf(http, caller.ActorId, body.Span, StatusCodes.Status201Created);
        using var turn = idempotency is null ? null
            : await http.RequestServices.GetRequiredService<IdempotencyGate>().EnterAsync(caller.ActorId, idempotency.Key, http.RequestAborted);
        var outcome = await http.RequestServices.GetRequiredService<PostEvents>().ExecuteAsync(events, caller, idempotency, http.RequestAborted);
        await BusRoutes.AnswerAsync(http, StatusCodes.Status201Created, outcome);
    }

    private static async Task ListAsync(HttpContext http)
    {
        BusRoutes.CallerOf(http).Require(Permission.ReadAll);
        var cursor = BusRoutes.OptionalNumber(http, "cursor", 0, long.MaxValue);
        var asked = cursor ?? BusRoutes.OptionalNumber(http, "after", 0, long.MaxValue);
        var limit = (int)(BusRoutes.OptionalNumber(http, "limit", 1, MostInOneList) ?? DefaultList);
        var filter = new EventFilter(
            BusRoutes.OptionalText(http, "kind"), BusRoutes.OptionalText(http, "subject"),
            BusRoutes.OptionalId(http, "task_id"), BusRoutes.OptionalId(http, "ticket_id"), BusRoutes.OptionalId(http, "actor_id"));
        var log = http.RequestServices.GetRequiredService<EventReader>();
        var head = http.RequestServices.GetRequiredService<EventFeed>().Head;
        var events = await log.ReadAfterAsync(asked ?? 0, head, filter, limit + 1, http.RequestAborted);
        // Who names no position asks for what there is, and has missed nothing.
        var reset = asked is { } position ? await log.ResetAsync(position, head, http.RequestAborted) : null;
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("items");
            foreach (var record in events.Take(limit))
            {
                EventWire.Write(writer, record);
            }

            writer.WriteEndArray();
            if (events.Count > limit)
            {
                writer.WriteString("next_cursor", events[limit - 1].Seq.ToString(System.Globalization.CultureInfo.InvariantCulture));
            }
            else
            {
                writer.WriteNull("next_cursor");
            }

            if (reset is not null)
            {
                writer.WritePropertyName("reset");
                JsonSerializer.Serialize(writer, reset, WireJson.Options);
            }

            writer.WriteEndObject();
        }

        http.Response.ContentType = "application/json";
        http.Response.ContentLength = buffer.WrittenCount;
        await http.Response.Body.WriteAsync(buffer.WrittenMemory, http.RequestAborted);
    }
}

/// <summary>An event as it is posted (for the description).</summary>
internal sealed record PostedEventBody(string Kind, string? Subject, JsonElement? Data);

/// <summary>An event as it is read (for the description).</summary>
internal sealed record EventLine(
    long Seq, DateTimeOffset At, Guid ActorId, string Kind, string? Subject, Guid? TicketId, Guid? TaskId, JsonElement Data, Guid? CorrelationId);

/// <summary>A page of events (for the description). <c>reset</c> is there only if events after the position asked for are gone.</summary>
internal sealed record EventPage(IReadOnlyList<EventLine> Items, string? NextCursor, LogReset? Reset = null);
