using System.Text.Json;
using System.Text.Json.Nodes;
using ControlCenter.Mcp;
using ControlCenter.Runtime.Runner.Adapters;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace ControlCenter.BuiltInAgents;

/// <summary>The bus's tools (MCP), as a model is offered and calls them.</summary>
internal sealed class BusTools : IAsyncDisposable
{
    private readonly McpClient _client;
    private readonly TimeSpan _patience;
    private readonly HashSet<string> _names;

    private BusTools(McpClient client, IList<McpClientTool> tools, TimeSpan patience)
    {
        (_client, _patience) = (client, patience);
        _names = tools.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        Offered = [.. tools.Select(t => (JsonNode)new JsonObject
        {
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = t.Name, ["description"] = t.Description, ["parameters"] = JsonNode.Parse(t.JsonSchema.GetRawText()) },
        })];
    }

    /// <summary>As models are told of them.</summary>
    public JsonArray Offered { get; }

    public static async Task<BusTools> ConnectAsync(AgentSurroundings around, LoopSettings settings, CancellationToken cancellationToken)
    {
        var client = await McpClient.CreateAsync(
            new HttpClientTransport(new HttpClientTransportOptions
            {
                Endpoint = new Uri(around.Bus, McpEndpoint.Path),
                TransportMode = HttpTransportMode.StreamableHttp,
                AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = $"Bearer {around.Key}" },
            }),
            cancellationToken: cancellationToken);
        var tools = await client.ListToolsAsync(cancellationToken: cancellationToken);
        return new BusTools(client, [.. tools.Where(t => settings.Tools.Count == 0 || settings.Tools.Contains(t.Name))], TimeSpan.FromSeconds(settings.ToolCallSeconds));
    }

    /// <summary>Calls one. Whatever goes wrong is a result that the model can read.</summary>
    public async Task<(bool Failed, string Result)> CallAsync(ChatCall call, CancellationToken cancellationToken)
    {
        // Its own checkpoints are the loop's, whatever the model may use.
        if (!_names.Contains(call.Tool) && call.Id != "checkpoint")
        {
            return (true, $"There is no tool '{call.Tool}' for you.");
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_patience);
        try
        {
            var arguments = JsonSerializer.Deserialize<Dictionary<string, object?>>(call.Arguments) ?? [];
            var result = await _client.CallToolAsync(call.Tool, arguments, cancellationToken: patience.Token);
            return (result.IsError == true, string.Concat(result.Content.OfType<TextContentBlock>().Select(c => c.Text)));
        }
        catch (JsonException)
        {
            return (true, "The arguments are no JSON object.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (true, $"The tool did not answer within {_patience.TotalSeconds:0} s.");
        }
        catch (Exception fault) when (fault is McpException or HttpRequestException)
        {
            return (true, fault.Message);
        }
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();
}
