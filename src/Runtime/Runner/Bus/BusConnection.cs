using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Output;

namespace ControlCenter.Runtime.Runner.Bus;

/// <summary>The bus does not let this host in: its key is not in force.</summary>
public sealed class BusRefusedException(string message) : Exception(message);

/// <summary>The bus answered that a request is not right, and will not be however often it is made.</summary>
public sealed class BusProblemException(HttpStatusCode status, string message) : Exception(message)
{
    /// <summary>As what it was refused.</summary>
    public HttpStatusCode Status { get; } = status;
}

/// <summary>Who a host is, as its bus knows it.</summary>
/// <param name="HostId">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="Primary">The bus's host that decides who does what; null where there is none just now.</param>
/// <param name="PrimarySurface">As which surface that was started.</param>
public sealed record KnownHost(Guid HostId, string Name, string? Primary = null, string? PrimarySurface = null);

/// <summary>What a runner says to its bus, over HTTP.</summary>
public sealed class BusConnection : IDisposable
{
    // The bus holds an answer back for 15 s at the most; what takes longer than this is not coming.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http;
    private readonly Func<string?> _readKey;
    private string? _key;

    /// <summary>Speaks to a bus.</summary>
    /// <param name="bus">Its address.</param>
    /// <param name="readKey">Reads the host's key; asked again when it is refused, for a bus that has started anew has made a new one.</param>
    public BusConnection(Uri bus, Func<string?> readKey)
    {
        (Address, _readKey) = (bus, readKey);

        // Agents on this machine may have set proxies for themselves; the bus is reached as its address says.
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
        {
            BaseAddress = new Uri(bus.ToString().TrimEnd('/') + "/api/v1/"),
            Timeout = Patience,
        };
    }

    /// <summary>The bus's address.</summary>
    public Uri Address { get; }

    /// <summary>Asks who this host is.</summary>
    public Task<KnownHost> WhoAmIAsync(CancellationToken cancellationToken) => SendAsync<KnownHost>(HttpMethod.Get, "hosts/self", null, cancellationToken);

    /// <summary>Tells everything, and is told what is to be.</summary>
    public Task<HostOrders> ReportAsync(Guid hostId, HostReport report, CancellationToken cancellationToken) =>
        SendAsync<HostOrders>(HttpMethod.Post, $"hosts/{hostId}/report", () => JsonContent.Create(report, options: RunnerJson.Options), cancellationToken);

    /// <summary>Asks for everything that is needed to start a runtime.</summary>
    public Task<StartPackage> StartAsync(Guid hostId, Guid runtimeId, long fencingToken, CancellationToken cancellationToken) =>
        SendAsync<StartPackage>(
            HttpMethod.Post, $"hosts/{hostId}/runtimes/{runtimeId}/start",
            () => JsonContent.Create(new StartRuntimeRequest(fencingToken), options: RunnerJson.Options), cancellationToken);

    /// <summary>Says that this host leaves.</summary>
    public async Task LeaveAsync(Guid hostId, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Post, $"hosts/{hostId}/leave", null, cancellationToken);
    }

    /// <summary>Hands output over, and is told how far it was taken in.</summary>
    internal Task<OutputStanding[]> HandOverAsync(
        Guid hostId, IReadOnlyList<(AgentRun Run, SpoolBatch Batch)> batches, CancellationToken cancellationToken)
    {
        var body = Write(batches);
        return SendAsync<OutputStanding[]>(
            HttpMethod.Post, $"hosts/{hostId}/output",
            () => new ReadOnlyMemoryContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } }, cancellationToken);
    }

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    // Lines are on disk as they are on the wire: they are put together, not read and written again.
    private static ReadOnlyMemory<byte> Write(IReadOnlyList<(AgentRun Run, SpoolBatch Batch)> batches)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>(64 * 1024);
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartArray();
        foreach (var (run, batch) in batches)
        {
            writer.WriteStartObject();
            writer.WriteString("runtime_id", run.Id);
            writer.WriteNumber("fencing_token", run.FencingToken);
            writer.WriteNumber("first_line", batch.FirstLine);
            writer.WriteStartArray("lines");
            for (var rest = batch.Lines.Span; rest.IndexOf((byte)'\n') is >= 0 and var end; rest = rest[(end + 1)..])
            {
                writer.WriteRawValue(rest[..end], skipInputValidation: true);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.Flush();
        return buffer.WrittenMemory;
    }

    private async Task<T> SendAsync<T>(HttpMethod method, string path, Func<HttpContent>? content, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(method, path, content, cancellationToken);
        try
        {
            return await response.Content.ReadFromJsonAsync<T>(RunnerJson.Options, cancellationToken)
                ?? throw new BusProblemException(response.StatusCode, $"{Address} answered {path} with nothing.");
        }
        catch (Exception fault) when (fault is JsonException or NotSupportedException)
        {
            // A proxy's page, or a word of a bus that is newer: it passes, and no agent is to be left alone for it.
            throw new HttpRequestException($"{Address} answered {path} with what is not understood: {fault.Message}", fault);
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, Func<HttpContent>? content, CancellationToken cancellationToken)
    {
        _key ??= _readKey();
        var response = await SendOnceAsync(method, path, content, _key, cancellationToken);
        if (response.StatusCode == HttpStatusCode.Unauthorized && _readKey() is { } key && key != _key)
        {
            response.Dispose();
            _key = key;
            response = await SendOnceAsync(method, path, content, key, cancellationToken);
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            var said = await ReasonAsync(response, cancellationToken);
            throw response.StatusCode switch
            {
                HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new BusRefusedException($"{Address} does not let this host in: {said}"),
                HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError => new HttpRequestException($"{Address} answered {(int)response.StatusCode}: {said}", null, response.StatusCode),
                _ => new BusProblemException(response.StatusCode, $"{Address} answered {(int)response.StatusCode}: {said}"),
            };
        }
    }

    private async Task<HttpResponseMessage> SendOnceAsync(HttpMethod method, string path, Func<HttpContent>? content, string? key, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content?.Invoke() };
        request.Headers.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
        try
        {
            return await _http.SendAsync(request, cancellationToken);
        }
        catch (TaskCanceledException fault) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HttpRequestException($"{Address} did not answer within {Patience.TotalSeconds} s.", fault);
        }
    }

    // A problem document (RFC 9457) where the bus made one; a proxy in between may have made anything.
    private static async Task<string> ReasonAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        try
        {
            using var problem = JsonDocument.Parse(text);
            return problem.RootElement.TryGetProperty("detail", out var detail) && detail.GetString() is { } said ? said : response.ReasonPhrase ?? "";
        }
        catch (JsonException)
        {
            return response.ReasonPhrase ?? "";
        }
    }
}
