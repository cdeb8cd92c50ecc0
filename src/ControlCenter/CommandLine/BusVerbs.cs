using System.CommandLine;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization;
using ControlCenter.Hosting;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.CommandLine;

/// <summary>The bus did not do what a verb asked of it. The message is for whoever typed it.</summary>
internal sealed class BusVerbException(string message, int exitCode) : Exception(message)
{
    /// <summary>How the command ends.</summary>
    public int ExitCode { get; } = exitCode;
}

/// <summary>What verbs have in common that ask a running bus: its address, a key, and how it refuses.</summary>
internal static class BusVerbs
{
    // Newer buses may answer with more than this program knows.
    private static readonly JsonSerializerOptions Json = new(WireJson.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip };

    private static readonly Option<Uri?> Bus = new("--bus")
    {
        Description = "The bus's address; CC_LISTEN unless said, and http://127.0.0.1:7400 where that is not set.",
        HelpName = "URL",
        CustomParser = result =>
        {
            if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.AbsolutePath == "/")
            {
                return uri;
            }

            result.AddError($"--bus is '{result.Tokens[0].Value}'; expected an address such as http://control-center:7400.");
            return null;
        },
    };

    private static readonly Option<FileInfo?> KeyFile = new("--key-file")
    {
        Description = "A file with a key of the bus; CC_FOUNDER_KEY unless said, and founder.key in CC_HOME where that is not set.",
        HelpName = "PATH",
    };

    /// <summary>A verb that asks the bus, with whatever else it takes.</summary>
    public static Command Asking(string name, string what, Func<BusCall, CancellationToken, Task<int>> run, params IReadOnlyList<Symbol> takes)
    {
        var command = new Command(name, what) { Bus, KeyFile };
        foreach (var symbol in takes)
        {
            if (symbol is Argument argument)
            {
                command.Add(argument);
            }
            else
            {
                command.Add((Option)symbol);
            }
        }

        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                using var call = new BusCall(parsed, AddressOf(parsed), await KeyAsync(parsed, cancellationToken), TimeProvider.System);
                return await run(call, cancellationToken);
            }
            catch (Exception fault) when (fault is BusVerbException or SettingException)
            {
                await parsed.InvocationConfiguration.Error.WriteLineAsync(fault.Message);
                return (fault as BusVerbException)?.ExitCode ?? ExitCode.Configuration;
            }
        });
        return command;
    }

    private static Uri AddressOf(ParseResult parsed) => parsed.GetValue(Bus) ?? LocalRunner.Reachable(HostSettings.Read(Environment.GetEnvironmentVariable).Listen);

    private static async Task<string> KeyAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var home = Environment.GetEnvironmentVariable("CC_HOME") is { Length: > 0 } said ? said : "./data";
        var file = parsed.GetValue(KeyFile)?.FullName;
        if (file is null && Environment.GetEnvironmentVariable("CC_FOUNDER_KEY") is { Length: > 0 } key)
        {
            return KeyIn(key, "CC_FOUNDER_KEY");
        }

        file ??= Path.Combine(Path.GetFullPath(home), "founder.key");
        if (!File.Exists(file))
        {
            throw new BusVerbException($"A key is needed: CC_FOUNDER_KEY, --key-file, or {file}, which is not there.", ExitCode.NoPermission);
        }

        try
        {
            return KeyIn(await File.ReadAllTextAsync(file, cancellationToken), file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new BusVerbException($"The key in {file} cannot be read: {fault.Message}", ExitCode.NoPermission);
        }
    }

    // What cannot stand in a header is no key, and need not be sent to be refused.
    private static string KeyIn(string text, string place) => text.Trim() is { Length: > 0 } key && key.All(c => c is > ' ' and <= '~')
        ? key
        : throw new BusVerbException($"A key is needed: {place} has none in it. A key is one word, such as cck_….", ExitCode.NoPermission);

    /// <summary>A verb's way to the bus.</summary>
    internal sealed class BusCall : IDisposable
    {
        // No answer that a person waits for takes so long: a bus that has not answered by then hangs, or is out of reach.
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);

        private readonly HttpClient _http;
        private readonly Uri _bus;
        private readonly TimeProvider _time;

        internal BusCall(ParseResult parsed, Uri bus, string key, TimeProvider time)
        {
            (Parsed, _bus, _time) = (parsed, bus, time);
            _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(bus, "/api/v1/"), Timeout = Timeout.InfiniteTimeSpan };
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        /// <summary>What was typed.</summary>
        public ParseResult Parsed { get; }

        /// <summary>Where it is answered.</summary>
        public TextWriter Output => Parsed.InvocationConfiguration.Output;

        /// <summary>Reads something.</summary>
        /// <exception cref="BusVerbException">The bus refuses, or is not there.</exception>
        public Task<T> GetAsync<T>(string path, CancellationToken cancellationToken) => SendAsync<T>(HttpMethod.Get, path, null, Patience, cancellationToken);

        /// <summary>Asks for something to be done.</summary>
        /// <exception cref="BusVerbException">The bus refuses, or is not there.</exception>
        public Task<T> PostAsync<T>(string path, object body, CancellationToken cancellationToken) => SendAsync<T>(HttpMethod.Post, path, body, Patience, cancellationToken);

        /// <summary>Asks for something that takes the longer the more there is, and is given up by the bus once nobody waits for it.</summary>
        /// <exception cref="BusVerbException">The bus refuses, or is not there.</exception>
        public Task<T> PostAndWaitAsync<T>(string path, object body, CancellationToken cancellationToken) =>
            SendAsync<T>(HttpMethod.Post, path, body, Timeout.InfiniteTimeSpan, cancellationToken);

        /// <inheritdoc />
        public void Dispose() => _http.Dispose();

        private async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, TimeSpan patience, CancellationToken cancellationToken)
        {
            using var enough = new CancellationTokenSource(patience, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, enough.Token);
            try
            {
                using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body, body.GetType(), options: Json) };
                using var answer = await _http.SendAsync(request, either.Token);
                return answer.IsSuccessStatusCode
                    ? await ReadAsync<T>(answer, "application/json", either.Token)
                    : throw new BusVerbException(
                        await RefusalAsync(answer, either.Token),
                        answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden ? ExitCode.NoPermission
                        : answer.StatusCode is HttpStatusCode.NotFound ? ExitCode.Damaged
                        : (int)answer.StatusCode < 500 ? ExitCode.Usage : ExitCode.Unavailable);
            }
            catch (HttpRequestException fault)
            {
                throw new BusVerbException($"{_bus} cannot be reached: {fault.Message}", ExitCode.Unavailable);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new BusVerbException($"{_bus} did not answer within {patience.TotalSeconds:0} s.", ExitCode.Unavailable);
            }
        }

        private async Task<string> RefusalAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
        {
            var refusal = answer.Content.Headers.ContentType is null ? new Refusal() : await ReadAsync<Refusal>(answer, "application/problem+json", cancellationToken);
            return string.Join(' ', [refusal.Detail ?? $"The bus answered {(int)answer.StatusCode}.", .. refusal.Errors?.SelectMany(e => e.Value.Select(m => $"{e.Key}: {m}")) ?? []]);
        }

        // Whatever stands before a bus may answer in its place, and in words of its own.
        private async Task<T> ReadAsync<T>(HttpResponseMessage answer, string expected, CancellationToken cancellationToken)
        {
            try
            {
                var type = answer.Content.Headers.ContentType?.MediaType;
                return type == expected
                    ? await answer.Content.ReadFromJsonAsync<T>(Json, cancellationToken) ?? throw new JsonException("It is null.")
                    : throw new JsonException($"It is {type ?? "of no type"}; {expected} was expected.");
            }
            catch (Exception fault) when (fault is JsonException or InvalidOperationException)
            {
                throw new BusVerbException(
                    $"{_bus} answered {(int)answer.StatusCode}, but not as a bus does; it may be a proxy before it, or a page to sign in. {fault.Message}", ExitCode.Unavailable);
            }
        }

        private sealed record Refusal(string? Detail = null, IReadOnlyDictionary<string, IReadOnlyList<string>>? Errors = null);
    }
}
