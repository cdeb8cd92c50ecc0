using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace ControlCenter.BuiltInAgents;

/// <summary>What a model answered.</summary>
internal sealed record ChatAnswer(JsonObject Message, string Text, IReadOnlyList<ChatCall> Calls, long TokensIn, long TokensOut);

/// <summary>A tool that a model asks for.</summary>
internal sealed record ChatCall(string Id, string Tool, string Arguments);

/// <summary>The gateway will not have the call.</summary>
internal sealed class GatewayRefusedException(string message) : Exception(message);

/// <summary>Asks a model through the bus's gateway, with the agent's own key.</summary>
internal sealed class GatewayChat(AgentSurroundings around, string model) : IDisposable
{
    // A breaker that is open, a limit of requests: told with the time after which to try again. A budget is not waited for.
    private const int MostTries = 5;
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(2);

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromMinutes(10) };

    /// <summary>Asks once, and again where the gateway says that it is worth it.</summary>
    /// <exception cref="GatewayRefusedException">It says no, or cannot be reached.</exception>
    public async Task<ChatAnswer> AskAsync(JsonArray messages, JsonArray tools, CancellationToken cancellationToken)
    {
        var asked = new JsonObject { ["model"] = model, ["messages"] = messages.DeepClone() };
        if (tools.Count > 0)
        {
            asked["tools"] = tools.DeepClone();
        }

        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(around.Bus, "/v1/chat/completions"))
            {
                Content = new StringContent(asked.ToJsonString(), new MediaTypeHeaderValue("application/json")),
                Headers = { Authorization = new AuthenticationHeaderValue("Bearer", around.Key) },
            };
            try
            {
                using var response = await _http.SendAsync(request, cancellationToken);
                var body = await response.Content.ReadAsStringAsync(cancellationToken);
                if (response.IsSuccessStatusCode)
                {
                    return AnswerIn(body);
                }

                if (response.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway) || attempt == MostTries)
                {
                    throw new GatewayRefusedException($"The gateway answered {(int)response.StatusCode}: {ReasonIn(body)}");
                }

                var wait = response.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(attempt);
                await Task.Delay(wait < LongestWait ? wait : LongestWait, around.Time, cancellationToken);
            }
            catch (HttpRequestException fault) when (attempt < MostTries)
            {
                around.Say(new Runtime.Runner.Adapters.BuiltInLine("text", Text: $"The gateway cannot be reached: {fault.Message}"));
                await Task.Delay(TimeSpan.FromSeconds(attempt), around.Time, cancellationToken);
            }
            catch (HttpRequestException fault)
            {
                throw new GatewayRefusedException($"The gateway cannot be reached: {fault.Message}");
            }
        }
    }

    public void Dispose() => _http.Dispose();

    private static ChatAnswer AnswerIn(string body)
    {
        if (Parse(body)?["choices"]?[0]?["message"] is not JsonObject message)
        {
            throw new GatewayRefusedException("The gateway's answer has no message in it.");
        }

        var usage = Parse(body)?["usage"];
        var calls = (message["tool_calls"] as JsonArray ?? []).OfType<JsonObject>().Select(c => new ChatCall(
            c["id"]?.ToString() ?? "", c["function"]?["name"]?.ToString() ?? "", c["function"]?["arguments"]?.ToString() ?? "{}")).ToList();
        return new ChatAnswer(
            (JsonObject)message.DeepClone(), message["content"]?.ToString() ?? "", calls,
            usage?["prompt_tokens"]?.GetValue<long>() ?? 0, usage?["completion_tokens"]?.GetValue<long>() ?? 0);
    }

    private static string ReasonIn(string body) => Parse(body)?["error"]?["message"]?.ToString() ?? "it did not say why.";

    private static JsonNode? Parse(string body)
    {
        try
        {
            return JsonNode.Parse(body);
        }
        catch (System.Text.Json.JsonException)
        {
            // A proxy's page.
            return null;
        }
    }
}
