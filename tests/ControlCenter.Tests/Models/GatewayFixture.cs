using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ControlCenter.TestSupport;
using ControlCenter.TestSupport.Models;

namespace ControlCenter.Tests.Models;

/// <summary>A host whose models are served by the stand-in.</summary>
public sealed class GatewayFixture : IAsyncLifetime
{
    /// <summary>A provider that may be silent for an hour.</summary>
    public const string Patient = "ant-patient";

    /// <summary>Where the stand-in's key is.</summary>
    public const string KeyVariable = "CC_TEST_PROVIDER_KEY";

    private static int _names;

    public RunningHost Host { get; private set; } = null!;

    public StandInProvider Provider { get; private set; } = null!;

    public BusClient Founder { get; private set; } = null!;

    /// <summary>The host's clock; the machine's unless said.</summary>
    public TimeProvider? Clock { get; init; }

    public async ValueTask InitializeAsync()
    {
        Environment.SetEnvironmentVariable(KeyVariable, StandInProvider.Key);
        Host = await RunningHost.StartAsync(CancellationToken.None, time: Clock);
        Provider = await StandInProvider.StartAsync();
        Founder = Host.Client();
        object ProviderOf(string id, string dialect, int answer, int idle) =>
            new { id, endpoint = Provider.Endpoint, dialect, credential = $"env:{KeyVariable}", answer_timeout_seconds = answer, idle_timeout_seconds = idle };
        (await Founder.PostAsync("catalogue", new
        {
            providers = new[]
            {
                ProviderOf("ant", "anthropic", 60, 60), ProviderOf("oai", "openai", 60, 60), ProviderOf(Patient, "anthropic", 3600, 3600),
                ProviderOf("ant-short", "anthropic", 1, 1), ProviderOf("oai-short", "openai", 1, 1),

                // One that is to fall silent within an answer must have the time to begin it.
                ProviderOf("ant-short-idle", "anthropic", 60, 1), ProviderOf("oai-short-idle", "openai", 60, 1),
            },
        }, CancellationToken.None)).Status.ShouldBe(System.Net.HttpStatusCode.OK);
    }

    public async ValueTask DisposeAsync()
    {
        await Provider.DisposeAsync();
        await Host.DisposeAsync();
    }

    /// <summary>Has a module of its own that behaves like this; a million tokens in cost 1,000, out 2,000, from the cache 100.</summary>
    public async Task<TestModule> ModuleAsync(string path, Behaviour behaviour, CancellationToken stop, bool priced = true, string trust = "standard", int? window = null, string? providerId = null)
    {
        var id = $"m{Interlocked.Increment(ref _names)}";
        var upstream = StandInProvider.ModelFor(behaviour, id);
        var dialect = path.Contains("messages", StringComparison.Ordinal) ? "ant" : "oai";
        var provider = providerId ?? (behaviour switch { Behaviour.Hang => $"{dialect}-short", Behaviour.HangWithinStream => $"{dialect}-short-idle", _ => dialect });
        var answer = await Founder.PostAsync("catalogue", new
        {
            modules = new[] { new { id, provider, upstream_model = upstream, trust, context_window = window } },
            prices = priced ? new[] { new { module = id, effective_from = "2020-01-01T00:00:00Z", currency = "USD", input = 1000, output = 2000, cache_read = 100 } } : [],
        }, stop);
        answer.Status.ShouldBe(System.Net.HttpStatusCode.OK, answer.Body?.ToJsonString());
        return new TestModule(id, upstream, provider);
    }

    /// <summary>Has callers say a name for several modules.</summary>
    public async Task<string> RouteAsync(CancellationToken stop, params TestModule[] modules)
    {
        var alias = $"route-{Interlocked.Increment(ref _names)}";
        (await Founder.PostAsync("catalogue", new { routes = new[] { new { alias, modules = modules.Select(m => m.Id) } } }, stop)).Status.ShouldBe(System.Net.HttpStatusCode.OK);
        return alias;
    }

    /// <summary>Asks as any HTTP client would.</summary>
    public async Task<HttpResponseMessage> AskAsync(string path, string model, bool stream, CancellationToken stop, string? key = null, Action<JsonObject>? more = null, Action<HttpRequestHeaders>? headers = null)
    {
        var http = new HttpClient { BaseAddress = Host.Address, Timeout = Timeout.InfiniteTimeSpan };
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(BodyFor(path, model, stream, more), Encoding.UTF8, "application/json") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key ?? RunningHost.FounderKey);
        headers?.Invoke(request.Headers);
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
    }

    public static string BodyFor(string path, string model, bool stream, Action<JsonObject>? more = null)
    {
        var messages = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "What is the answer?" });
        var body = path.EndsWith("responses", StringComparison.Ordinal)
            ? new JsonObject { ["model"] = model, ["input"] = "What is the answer?", ["max_output_tokens"] = 100 }
            : new JsonObject { ["model"] = model, ["messages"] = messages, ["max_tokens"] = 100 };
        if (stream)
        {
            body["stream"] = true;
        }

        more?.Invoke(body);
        return body.ToJsonString();
    }
}

/// <summary>A module of a test.</summary>
public sealed record TestModule(string Id, string Upstream, string Provider);
