using System.Net;
using System.Net.Http.Headers;
using ControlCenter.Domain.Models;

namespace ControlCenter.Runtime.Models;

/// <summary>A provider that did not give an answer.</summary>
/// <param name="Kind">What kind of failure it is.</param>
/// <param name="Status">Its HTTP status; null if it gave none.</param>
/// <param name="RetryAfter">When it wants to be asked again, if it said.</param>
/// <param name="Told">Its own words, if its caller may be told them.</param>
internal sealed record Failure(FailureKind Kind, int? Status, TimeSpan? RetryAfter, ToldFailure? Told);

/// <summary>An error answer of a provider, as it came.</summary>
internal sealed record ToldFailure(int Status, IReadOnlyList<KeyValuePair<string, string>> Headers, byte[] Body);

/// <summary>Calls providers: one attempt at a time.</summary>
public sealed class Upstream(TimeProvider time) : IDisposable
{
    // Errors are short; what is longer is not read to its end.
    private const int LongestError = 256 * 1024;

    // The longest whole answer: an image or two in base 64. It is held in memory until it is known to be one.
    private const int LongestAnswer = 128 * 1024 * 1024;

    // Nothing is read along that is compressed, and nothing of a cookie, a proxy or the gateway's own is a provider's business.
    private static readonly HashSet<string> NotPassedOn = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host", "Authorization", "x-api-key", "Cookie", "Content-Length", "Content-Type", "Accept-Encoding", "Connection", "Keep-Alive", "Transfer-Encoding", "TE",
        "Trailer", "Upgrade", "Expect", "Proxy-Authorization", "Proxy-Connection", "Forwarded", "Via", "Idempotency-Key", "traceparent", "tracestate", "Origin", "Referer",
    };

    private static readonly HashSet<string> NotPassedBack = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Transfer-Encoding", "Trailer", "Upgrade", "Proxy-Authenticate", "WWW-Authenticate", "Set-Cookie", "Server", "Via", "Alt-Svc",
        "Strict-Transport-Security", "Content-Length", "Content-Security-Policy", "X-Frame-Options", "Date",
    };

    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        EnableMultipleHttp2Connections = true,

        // As the caller's were read: a header that is not ASCII must not look like a fault of the provider's.
        RequestHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8,

        // A provider's address may change behind its name.
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    });

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    /// <summary>Asks once.</summary>
    /// <returns>An answer that has begun and looks like one, or why there is none.</returns>
    /// <exception cref="OperationCanceledException">The caller has gone; the provider's call is cancelled.</exception>
    internal async Task<(OpenAnswer? Answer, Failure? Failure)> AskAsync(CallUnderWay under, Provider provider, Module module, CancellationToken cancellationToken)
    {
        if (!UpstreamCredentials.TryFind(provider, out var key))
        {
            return (null, new Failure(FailureKind.Credential, null, null, null));
        }

        var patience = new CancellationTokenSource(TimeSpan.FromSeconds(provider.AnswerTimeoutSeconds), time);
        var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        HttpResponseMessage? response = null;
        OpenAnswer? answer = null;
        try
        {
            using var request = RequestTo(provider, module, under, key);
            response = await _http.SendAsync(request, either.Token);
            if (!response.IsSuccessStatusCode)
            {
                return (null, await FailureOfAsync(response, key, either.Token));
            }

            var isStream = response.Content.Headers.ContentType?.MediaType == "text/event-stream";
            answer = new OpenAnswer(response, HeadersOf(response), under, provider, patience, either, isStream, withholdsUsage: isStream && AsksForUsage(under));
            if (await answer.BeginAsync(LongestAnswer))
            {
                return (answer, null);
            }

            under.MayHaveRun = true;
            return (null, new Failure(FailureKind.Error, null, null, null));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            under.MayHaveRun = true;
            return (null, new Failure(FailureKind.Timeout, null, null, null));
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException && !cancellationToken.IsCancellationRequested)
        {
            under.MayHaveRun |= fault is not HttpRequestException
            {
                HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError,
            };
            return (null, new Failure(FailureKind.Error, null, null, null));
        }
        finally
        {
            if (answer is not { HasBegun: true })
            {
                response?.Dispose();
                either.Dispose();
                patience.Dispose();
            }
        }
    }

    private static bool AsksForUsage(CallUnderWay under) =>
        under.Call.Endpoint == ModelEndpoint.ChatCompletions && under.Request is { IsStreaming: true, IncludesUsage: false };

    private static HttpRequestMessage RequestTo(Provider provider, Module module, CallUnderWay under, string? key)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, provider.Endpoint.TrimEnd('/') + under.Call.Endpoint.Path() + under.Call.Query)
        {
            Content = new BodyInParts(under.Request.BodyFor(module, AsksForUsage(under))),
        };
        if (request.RequestUri!.Scheme == Uri.UriSchemeHttps)
        {
            (request.Version, request.VersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionOrLower);
        }

        foreach (var (name, value) in under.Call.Headers)
        {
            if (!NotPassedOn.Contains(name) && !name.StartsWith("x-cc-", StringComparison.OrdinalIgnoreCase) && !name.StartsWith("x-forwarded-", StringComparison.OrdinalIgnoreCase))
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }

        if (key is not null && provider.Dialect == Dialect.Anthropic)
        {
            request.Headers.TryAddWithoutValidation("x-api-key", key);
        }
        else if (key is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        return request;
    }

    private static List<KeyValuePair<string, string>> HeadersOf(HttpResponseMessage response) =>
        [.. response.Headers.Concat(response.Content.Headers).Where(h => !NotPassedBack.Contains(h.Key))
            .SelectMany(h => h.Value.Where(IsPrintable).Select(v => KeyValuePair.Create(h.Key, v)))];

    // What is not could not be written to the caller.
    private static bool IsPrintable(string value) => !value.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private async Task<Failure> FailureOfAsync(HttpResponseMessage response, string? key, CancellationToken cancellationToken)
    {
        var body = await ReadErrorAsync(response, cancellationToken);
        var status = (int)response.StatusCode;
        var kind = status < 400 ? FailureKind.Error : UpstreamFailure.Of(status, body);
        var retryAfter = response.Headers.RetryAfter is { } after ? after.Delta ?? after.Date - time.GetUtcNow() : null;

        // A provider that does not know the key may repeat a part of it: those words go no further, nor do any with the key in them.
        var mayBeTold = status >= 400 && kind is not (FailureKind.Credential or FailureKind.NoSuchModel)
            && (key is null || body.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(key)) < 0);
        return new Failure(kind, status, retryAfter, mayBeTold ? new ToldFailure(status, HeadersOf(response), body) : null);
    }

    private static async Task<byte[]> ReadErrorAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var body = new byte[LongestError];
        var length = 0;
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        while (length < body.Length && await stream.ReadAsync(body.AsMemory(length), cancellationToken) is var read && read > 0)
        {
            length += read;
        }

        return body[..length];
    }

    /// <summary>A body that is sent in the parts that it was cut into, without being put together.</summary>
    private sealed class BodyInParts : HttpContent
    {
        private readonly ReadOnlyMemory<byte>[] _parts;

        public BodyInParts(ReadOnlyMemory<byte>[] parts)
        {
            _parts = parts;
            Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            foreach (var part in _parts)
            {
                await stream.WriteAsync(part, cancellationToken);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _parts.Sum(p => (long)p.Length);
            return true;
        }
    }
}
