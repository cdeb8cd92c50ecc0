using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.BuiltInAgents;

/// <summary>
/// Stands for an agent that runs elsewhere: posts what it is to do, signed, and passes on what it answers. One that answers 202 works on its own,
/// over the bus, with the key that it was given.
/// </summary>
internal sealed class WebhookAgent : IDisposable
{
    // A remote that restarts is back by then; the runtime's own time to get ready is 60 s.
    private const int MostTries = 4;

    // Less than the time after which the runner kills.
    private static readonly TimeSpan LastWord = TimeSpan.FromSeconds(5);

    private readonly AgentSurroundings _around;
    private readonly Uri _url;
    private readonly byte[] _secret;
    private readonly string _runtime;
    private readonly HttpClient _http;
    private int _posts;

    private WebhookAgent(AgentSurroundings around)
    {
        _around = around;
        _url = new Uri(around.Need(HttpAdapter.UrlVariable));
        _secret = Encoding.UTF8.GetBytes(around.Need(HttpAdapter.SecretVariable));
        _runtime = around.Need("CC_RUNTIME_ID");
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, UseCookies = false, ConnectCallback = AllowedAddresses.ConnectAsync })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>Runs until the remote has ended its answer, or until it is told to end.</summary>
    public static async Task<int> RunAsync(AgentSurroundings around, CancellationToken cancellationToken)
    {
        using var agent = new WebhookAgent(around);
        using var told = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            told.Cancel();
        });
        _ = around.ListenAsync(told.Token);
        try
        {
            return await agent.StartAsync(told.Token);
        }
        catch (OperationCanceledException) when (told.IsCancellationRequested)
        {
            using var lastWord = new CancellationTokenSource(LastWord, around.Time);
            await agent.TellAsync("stop", null, lastWord.Token);
            return 0;
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException)
        {
            around.Say(new BuiltInLine("turn_end", Text: $"The remote agent cannot be reached: {fault.Message}", Failed: true));
            return 1;
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<int> StartAsync(CancellationToken cancellationToken)
    {
        var start = JsonNode.Parse(await File.ReadAllTextAsync(_around.Need(HttpAdapter.StartVariable), cancellationToken))!.AsObject();
        start["kind"] = "start";
        start["key"] = _around.Key;
        using var response = await PostAsync(start, "start", cancellationToken);
        if (response.StatusCode is not (HttpStatusCode.OK or HttpStatusCode.Accepted))
        {
            _around.Say(new BuiltInLine("turn_end", Text: $"The remote agent answered {(int)response.StatusCode}.", Failed: true));
            return 1;
        }

        _around.Say(new BuiltInLine("ready"));
        var telling = RelayMessagesAsync(cancellationToken);
        if (response.StatusCode == HttpStatusCode.OK)
        {
            using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
            while (await lines.ReadLineAsync(cancellationToken) is { } line)
            {
                await _around.Output.WriteLineAsync(line.AsMemory(), cancellationToken);
                await _around.Output.FlushAsync(cancellationToken);
            }

            return 0;
        }

        await telling;
        return 0;
    }

    private async Task RelayMessagesAsync(CancellationToken cancellationToken)
    {
        await foreach (var message in _around.Messages.ReadAllAsync(cancellationToken))
        {
            await TellAsync("message", message, cancellationToken);
        }

        // Nothing more can come in: until it is told to end, the remote works.
        await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    private async Task TellAsync(string kind, string? text, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await PostAsync(new JsonObject { ["kind"] = kind, ["runtime_id"] = _runtime, ["text"] = text }, $"{kind}-{++_posts}", cancellationToken);
            _around.Say(new BuiltInLine("text", Text: $"The remote agent answered {(int)response.StatusCode} to '{kind}'."));
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException && !_around.Messages.Completion.IsFaulted)
        {
            _around.Say(new BuiltInLine("text", Text: $"The remote agent did not hear '{kind}': {fault.Message}"));
        }
    }

    // Tried again under the same key: a remote that has done it answers as before.
    private async Task<HttpResponseMessage> PostAsync(JsonObject body, string key, CancellationToken cancellationToken)
    {
        var bytes = Encoding.UTF8.GetBytes(body.ToJsonString());
        for (var attempt = 1; ; attempt++)
        {
            var at = _around.Time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            using var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = new ByteArrayContent(bytes) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            request.Headers.Add("Idempotency-Key", $"{_runtime}-{key}");
            request.Headers.Add("Webhook-Signature", $"t={at},v1={Signature(_secret, at, bytes)}");
            try
            {
                var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
                if ((int)response.StatusCode < 500 || attempt == MostTries)
                {
                    return response;
                }

                response.Dispose();
            }
            catch (HttpRequestException) when (attempt < MostTries)
            {
                // Tried again below.
            }

            await Task.Delay(TimeSpan.FromSeconds(attempt), _around.Time, cancellationToken);
        }
    }

    /// <summary>HMAC-SHA-256 of the time, a dot and the body, in lower-case hex: an old call that is sent again is known by its time.</summary>
    internal static string Signature(byte[] secret, string at, byte[] body) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(secret, (byte[])[.. Encoding.ASCII.GetBytes(at), (byte)'.', .. body]));
}
