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
                using var call = new BusCall(parsed, AddressOf(parsed), await KeyAsync(parsed, cancellationToken));
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
            return key.Trim();
        }

        file ??= Path.Combine(Path.GetFullPath(home), "founder.key");
        return File.Exists(file)
            ? (await File.ReadAllTextAsync(file, cancellationToken)).Trim()
            : throw new BusVerbException($"A key is needed: CC_FOUNDER_KEY, --key-file, or {file}, which is not there.", ExitCode.NoPermission);
    }

    /// <summary>A verb's way to the bus.</summary>
    internal sealed class BusCall : IDisposable
    {
        private readonly HttpClient _http;
        private readonly Uri _bus;

        internal BusCall(ParseResult parsed, Uri bus, string key)
        {
            (Parsed, _bus) = (parsed, bus);
            _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(bus, "/api/v1/") };
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }

        /// <summary>What was typed.</summary>
        public ParseResult Parsed { get; }

        /// <summary>Where it is answered.</summary>
        public TextWriter Output => Parsed.InvocationConfiguration.Output;

        /// <summary>Reads something.</summary>
        /// <exception cref="BusVerbException">The bus refuses, or is not there.</exception>
        public Task<T> GetAsync<T>(string path, CancellationToken cancellationToken) => SendAsync<T>(HttpMethod.Get, path, null, cancellationToken);

        /// <summary>Asks for something to be done.</summary>
        /// <exception cref="BusVerbException">The bus refuses, or is not there.</exception>
        public Task<T> PostAsync<T>(string path, object body, CancellationToken cancellationToken) => SendAsync<T>(HttpMethod.Post, path, body, cancellationToken);

        /// <inheritdoc />
        public void Dispose() => _http.Dispose();

        private async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken cancellationToken)
        {
            try
            {
                using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body, body.GetType(), options: Json) };
                using var answer = await _http.SendAsync(request, cancellationToken);
                if (answer.IsSuccessStatusCode)
                {
                    return (await answer.Content.ReadFromJsonAsync<T>(Json, cancellationToken))!;
                }

                throw new BusVerbException(
                    await RefusalAsync(answer, cancellationToken),
                    answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden ? ExitCode.NoPermission
                    : answer.StatusCode is HttpStatusCode.NotFound ? ExitCode.Damaged
                    : (int)answer.StatusCode < 500 ? ExitCode.Usage : ExitCode.Unavailable);
            }
            catch (HttpRequestException fault)
            {
                throw new BusVerbException($"{_bus} cannot be reached: {fault.Message}", ExitCode.Unavailable);
            }
            catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new BusVerbException($"{_bus} did not answer within {_http.Timeout.TotalSeconds:0} s.", ExitCode.Unavailable);
            }
        }

        // Whatever stands before a bus may answer in words of its own.
        private static async Task<string> RefusalAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
        {
            var status = $"The bus answered {(int)answer.StatusCode}.";
            if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
            {
                return status;
            }

            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Json, cancellationToken);
            var fields = problem.TryGetProperty("errors", out var errors) && errors.ValueKind == JsonValueKind.Object
                ? errors.EnumerateObject().SelectMany(e => e.Value.EnumerateArray().Select(m => $"{e.Name}: {m.GetString()}"))
                : [];
            return string.Join(' ', [problem.TryGetProperty("detail", out var detail) && detail.ValueKind == JsonValueKind.String ? detail.GetString()! : status, .. fields]);
        }
    }
}
