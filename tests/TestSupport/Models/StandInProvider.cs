using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ControlCenter.TestSupport.Models;

/// <summary>How the stand-in is to behave for a model: the model's name says it, so that each test and each candidate has its own.</summary>
public enum Behaviour
{
    Answer,
    Fail,
    FailOnce,
    Throttle,
    ThrottleForLong,
    Overloaded,
    CutOff,
    CutOffAtOnce,
    OmitUsage,
    Hang,
    HangWithinStream,
    Malformed,
    TooLong,
    ContentPolicy,
    BadRequest,
    WrongKey,
    Slow,
    CallTool,
    Judge,
    Script,
}

/// <summary>One answer: it says something, or calls a tool.</summary>
/// <param name="Pieces">What it says, or the arguments of the call, in the pieces in which they are streamed.</param>
/// <param name="Tool">The tool that is called, with or without its server's prefix.</param>
/// <param name="CallId">The call's own part of its id.</param>
/// <param name="Namespace">The tool's server, where the client names it apart.</param>
public sealed record StandInTurn(IReadOnlyList<string> Pieces, string? Tool = null, string CallId = "1", string? Namespace = null)
{
    public string Text => string.Concat(Pieces);

    public static StandInTurn Say(string text) => new([text]);

    public static StandInTurn Call(string tool, object arguments)
    {
        var json = System.Text.Json.JsonSerializer.Serialize(arguments);
        return new StandInTurn([json[..(json.Length / 2)], json[(json.Length / 2)..]], tool);
    }
}

/// <summary>What a step of a script can read.</summary>
/// <param name="Results">What came back from the tools so far, oldest first.</param>
/// <param name="Request">The whole of the request, in which its prompt is.</param>
public sealed record ScriptSight(IReadOnlyList<string> Results, string Request)
{
    /// <summary>The id or number that follows a name, in the newest result that has one, or else in the prompt.</summary>
    public string Value(string name) => Results.Reverse().Append(Request)
        .Select(text => System.Text.RegularExpressions.Regex.Match(text, $"{name}[\\W]{{1,6}}([0-9a-f]{{8}}-[0-9a-f-]{{27}}|[0-9]+)"))
        .First(found => found.Success).Groups[1].Value;
}

/// <summary>A request that the stand-in got.</summary>
public sealed record SeenRequest(string Path, string Query, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public JsonNode Json => JsonNode.Parse(Body)!;
}

/// <summary>A provider of models that runs here and speaks the real wire formats: Anthropic's messages, OpenAI's chat completions and responses, whole and streamed.</summary>
public sealed class StandInProvider : IAsyncDisposable
{
    public const string Key = "sk-stand-in-secret-0123456789";

    /// <summary>What every answer says, in pieces.</summary>
    public static readonly string[] Words = ["The ", "answer ", "is ", "forty-two", "."];

    /// <summary>What a judge says instead, where it is not asked for a stream.</summary>
    public const string Verdict = """I have looked at both. {"a": 90, "b": 60.5}""";

    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, int> _counts = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _cancelled = new();
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _pieces = new();
    private readonly ConcurrentDictionary<string, IReadOnlyList<Func<ScriptSight, StandInTurn>>> _scripts = new();

    private StandInProvider(WebApplication app) => _app = app;

    /// <summary>Up to, and without, <c>/v1</c>.</summary>
    public string Endpoint { get; private set; } = "";

    /// <summary>Everything that was asked.</summary>
    public ConcurrentQueue<SeenRequest> Seen { get; } = [];

    public static async Task<StandInProvider> StartAsync(string listen = "http://127.0.0.1:0")
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(listen).ConfigureKestrel(k => k.Limits.MaxRequestBodySize = null);
        var provider = new StandInProvider(builder.Build());
        provider._app.Run(provider.AnswerAsync);
        await provider._app.StartAsync();
        provider.Endpoint = provider._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return provider;
    }

    /// <summary>What a model of this behaviour is called; whatever follows the first hyphen keeps tests apart.</summary>
    public static string ModelFor(Behaviour behaviour, string apart = "x") => $"{behaviour.ToString().ToLowerInvariant()}-{apart}";

    /// <summary>
    /// Has a model (of <see cref="Behaviour.Script"/>) do one thing after the other: a step is taken for each result of a tool that came back, and is told
    /// what it could read. When there are no more steps it answers as every model here does.
    /// </summary>
    public void Script(string model, params Func<ScriptSight, StandInTurn>[] steps) => _scripts[model] = steps;

    /// <summary>How often a model was asked for.</summary>
    public int TimesAsked(string model) => _counts.GetValueOrDefault(model);

    /// <summary>Ends when a call of this model is given up by whoever made it.</summary>
    public Task CancelledAsync(string model) => Cancelled(model).Task;

    /// <summary>Lets a slow model say its next piece.</summary>
    public void LetOneThrough(string model, int pieces = 1) => Pieces(model).Release(pieces);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }

    private TaskCompletionSource Cancelled(string model) => _cancelled.GetOrAdd(model, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    private SemaphoreSlim Pieces(string model) => _pieces.GetOrAdd(model, _ => new SemaphoreSlim(0));

    private async Task AnswerAsync(HttpContext http)
    {
        using var copied = new MemoryStream();
        await http.Request.Body.CopyToAsync(copied);
        var seen = new SeenRequest(
            http.Request.Path, http.Request.QueryString.Value ?? "", http.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase), copied.ToArray());
        if (Seen.Count < 1000 && seen.Body.Length < 1024 * 1024)
        {
            Seen.Enqueue(seen);
        }

        var wire = WireOf(seen.Path);
        if (wire is null)
        {
            http.Response.StatusCode = 404;
            return;
        }

        var request = seen.Json.AsObject();
        var model = request["model"]!.ToString();
        var times = _counts.AddOrUpdate(model, 1, (_, n) => n + 1);
        http.RequestAborted.Register(() => Cancelled(model).TrySetResult());
        if (!seen.Headers.Values.Any(v => v == Key || v == $"Bearer {Key}"))
        {
            await wire.ErrorAsync(http, 401, "authentication_error", $"Incorrect API key provided: {Key[..8]}***");
            return;
        }

        var behaviour = Enum.TryParse<Behaviour>(model.Split('-')[0], ignoreCase: true, out var named) ? named : Behaviour.Answer;
        await BehaveAsync(http, wire, behaviour, model, times, request);
    }

    private async Task BehaveAsync(HttpContext http, WireFormat wire, Behaviour behaviour, string model, int times, JsonObject request)
    {
        switch (behaviour)
        {
            case Behaviour.Fail or Behaviour.FailOnce when behaviour == Behaviour.Fail || times == 1:
                await wire.ErrorAsync(http, 500, "api_error", "Internal server error");
                break;
            case Behaviour.Throttle or Behaviour.ThrottleForLong:
                http.Response.Headers.RetryAfter = behaviour == Behaviour.Throttle ? "7" : "600";
                await wire.ErrorAsync(http, 429, "rate_limit_error", "Slow down");
                break;
            case Behaviour.Overloaded:
                await wire.ErrorAsync(http, 529, "overloaded_error", "Overloaded");
                break;
            case Behaviour.TooLong:
                await wire.ErrorAsync(http, 400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum", "context_length_exceeded");
                break;
            case Behaviour.ContentPolicy:
                await wire.ErrorAsync(http, 400, "invalid_request_error", "Output blocked by content filtering policy", "content_policy_violation");
                break;
            case Behaviour.BadRequest:
                await wire.ErrorAsync(http, 400, "invalid_request_error", "messages: at least one message is required");
                break;
            case Behaviour.WrongKey:
                await wire.ErrorAsync(http, 401, "authentication_error", $"Incorrect API key provided: {Key}");
                break;
            case Behaviour.Hang:
                await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                break;
            case Behaviour.Malformed:
                http.Response.ContentType = (bool?)request["stream"] == true ? "text/event-stream" : "application/json";
                await http.Response.WriteAsync("<html>a proxy's page</html>");
                break;
            case Behaviour.CutOffAtOnce:
                http.Abort();
                break;
            default:
                await SpeakAsync(http, wire, behaviour, model, request);
                break;
        }
    }

    private async Task SpeakAsync(HttpContext http, WireFormat wire, Behaviour behaviour, string model, JsonObject request)
    {
        http.Response.Headers["request-id"] = "req_stand_in";
        var turn = TurnOf(wire, behaviour, model, request);
        var usage = behaviour != Behaviour.OmitUsage && (wire is not ChatFormat || (bool?)request["stream"] != true || (bool?)request["stream_options"]?["include_usage"] == true);
        if ((bool?)request["stream"] != true || wire is CountFormat)
        {
            if (behaviour is Behaviour.CutOff)
            {
                http.Response.ContentLength = 10_000;
                await http.Response.WriteAsync("{\"id\":");
                await http.Response.Body.FlushAsync();
                http.Abort();
                return;
            }

            http.Response.ContentType = "application/json";
            var whole = wire.Whole(model, usage, turn).ToJsonString();
            await http.Response.WriteAsync(behaviour == Behaviour.Judge ? whole.Replace(string.Concat(Words), Verdict.Replace("\"", "\\\"")) : whole, http.RequestAborted);
            return;
        }

        http.Response.ContentType = "text/event-stream; charset=utf-8";
        var events = wire.Events(model, usage, turn).ToList();
        for (var i = 0; i < events.Count; i++)
        {
            if (behaviour is Behaviour.Slow && i > 1)
            {
                await Pieces(model).WaitAsync(http.RequestAborted);
            }

            if (behaviour is Behaviour.CutOff or Behaviour.HangWithinStream && i == events.Count / 2)
            {
                await http.Response.Body.FlushAsync();
                if (behaviour == Behaviour.CutOff)
                {
                    // A reset throws away what the other side has not read yet: whoever tests it says when it has.
                    await Pieces(model).WaitAsync(http.RequestAborted);
                    http.Abort();
                }
                else
                {
                    await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                }

                return;
            }

            await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(events[i]), http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
        }
    }

    // What is called is the first tool that the client offers; a client that offers none is told something.
    private StandInTurn TurnOf(WireFormat wire, Behaviour behaviour, string model, JsonObject request)
    {
        var (tools, results) = (wire.Tools(request).ToList(), wire.Results(request));
        return behaviour switch
        {
            Behaviour.CallTool when results.Count == 0 && tools.Count > 0 => new StandInTurn(["{", "}"], tools[0].Name),
            Behaviour.Script when tools.Count > 0 && _scripts.GetValueOrDefault(model) is { } script && results.Count < script.Count =>
                Offered(tools, script[results.Count](new ScriptSight(results, request.ToJsonString()))) with { CallId = $"{results.Count + 1}" },
            _ => new StandInTurn(Words),
        };
    }

    // Clients put their own prefix before the tools of a server.
    private static StandInTurn Offered(List<OfferedTool> tools, StandInTurn turn) =>
        turn.Tool is { } name && (tools.Find(t => t.Name == name) ?? tools.Find(t => t.Name.EndsWith($"__{name}", StringComparison.Ordinal))) is { } tool
            ? turn with { Tool = tool.Name, Namespace = tool.Namespace }
            : turn;

    private static WireFormat? WireOf(string path) => path switch
    {
        "/v1/messages" => new MessagesFormat(),
        "/v1/messages/count_tokens" => new CountFormat(),
        "/v1/chat/completions" => new ChatFormat(),
        "/v1/responses" => new ResponsesFormat(),
        _ => null,
    };
}
