using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ControlCenter.TestSupport;

/// <summary>An answer of the bus.</summary>
public sealed record BusAnswer(HttpStatusCode Status, JsonNode? Body, HttpResponseHeaders Headers)
{
    /// <summary>The problem's stable slug, if it is one.</summary>
    public string? Code => Body?["code"]?.GetValue<string>();

    /// <summary>Whether it is anything but a success.</summary>
    public bool IsRefused => (int)Status is < 200 or >= 300;

    /// <summary>What kind of body it has.</summary>
    public string? ContentType { get; init; }

    /// <summary>A field of the body, as text.</summary>
    public string this[string field] => Body![field]!.ToString();
}

/// <summary>Calls the bus as a program outside would: bytes over HTTP.</summary>
public sealed class BusClient(HttpClient http) : IDisposable
{
    /// <summary>The plain client.</summary>
    public HttpClient Http { get; } = http;

    /// <summary>Reads.</summary>
    public Task<BusAnswer> GetAsync(string path, CancellationToken cancellationToken) => SendAsync(HttpMethod.Get, path, null, null, cancellationToken);

    /// <summary>Posts an object.</summary>
    public Task<BusAnswer> PostAsync(string path, object? body, CancellationToken cancellationToken, string? idempotencyKey = null) =>
        SendAsync(HttpMethod.Post, path, body is null ? null : JsonSerializer.SerializeToUtf8Bytes(body), idempotencyKey, cancellationToken);

    /// <summary>Posts bytes as they are.</summary>
    public Task<BusAnswer> PostRawAsync(string path, string body, CancellationToken cancellationToken, string contentType = "application/json") =>
        SendAsync(HttpMethod.Post, path, Encoding.UTF8.GetBytes(body), null, cancellationToken, contentType);

    /// <summary>Sends with any method.</summary>
    public async Task<BusAnswer> SendAsync(
        HttpMethod method, string path, byte[]? body, string? idempotencyKey, CancellationToken cancellationToken, string contentType = "application/json")
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        }

        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        using var response = await Http.SendAsync(request, cancellationToken);
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        return new BusAnswer(response.StatusCode, text.Length == 0 ? null : JsonNode.Parse(text), response.Headers)
        {
            ContentType = response.Content.Headers.ContentType?.MediaType,
        };
    }

    /// <summary>Opens a stream.</summary>
    public async Task<EventSource> StreamAsync(string query, CancellationToken cancellationToken, long? lastEventId = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"stream{query}");
        if (lastEventId is { } id)
        {
            request.Headers.Add("Last-Event-ID", id.ToString());
        }

        var response = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        response.EnsureSuccessStatusCode();
        return new EventSource(request, response, new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken)));
    }

    /// <inheritdoc />
    public void Dispose() => Http.Dispose();
}

/// <summary>A message of a stream.</summary>
public sealed record StreamMessage(long? Id, string? Event, JsonNode? Data);

/// <summary>Reads a stream message by message, as a browser's <c>EventSource</c> does.</summary>
public sealed class EventSource(HttpRequestMessage request, HttpResponseMessage response, StreamReader reader) : IDisposable
{
    /// <summary>The next message; null at the stream's end.</summary>
    public async Task<StreamMessage?> NextAsync(CancellationToken cancellationToken)
    {
        long? id = null;
        string? kind = null, data = null;
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.Length == 0 && (data is not null || kind is not null))
            {
                return new StreamMessage(id, kind, data is null ? null : JsonNode.Parse(data));
            }

            (id, kind, data) = line switch
            {
                _ when line.StartsWith("id: ", StringComparison.Ordinal) => (long.Parse(line[4..]), kind, data),
                _ when line.StartsWith("event: ", StringComparison.Ordinal) => (id, line[7..], data),
                _ when line.StartsWith("data: ", StringComparison.Ordinal) => (id, kind, line[6..]),
                _ => (id, kind, data),
            };
        }

        return null;
    }

    /// <summary>The next message that fits.</summary>
    public async Task<StreamMessage> NextAsync(Predicate<StreamMessage> fits, CancellationToken cancellationToken)
    {
        while (await NextAsync(cancellationToken) is { } message)
        {
            if (fits(message))
            {
                return message;
            }
        }

        throw new EndOfStreamException("The stream ended before such a message came.");
    }

    /// <inheritdoc />
    public void Dispose()
    {
        reader.Dispose();
        response.Dispose();
        request.Dispose();
    }
}
