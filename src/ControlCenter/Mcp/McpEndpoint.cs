using System.Text.Json;
using ControlCenter.Bus;
using ControlCenter.Domain.Problems;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace ControlCenter.Mcp;

/// <summary>The bus as MCP tools (bus-api.md, CB-04): Streamable HTTP without sessions, so that any host behind a proxy can answer any request.</summary>
internal static class McpEndpoint
{
    /// <summary>Where clients look for it; it is under the bus's own path as well.</summary>
    public const string Path = "/mcp";

    private static readonly Implementation Server = new()
    {
        Name = "control-center",
        Title = "Control Center",
        Version = typeof(McpEndpoint).Assembly.GetName().Version!.ToString(3),
    };

    private const string Instructions =
        "Control Center hands out work under leases. Claim a task, renew its lease or report progress before the lease runs out, save checkpoints, " +
        "ask a human (escalate, then wait_for_decision) before anything that needs approval, and complete or fail the task with its lease_id and fencing_token. " +
        "An answer with the code lease_lost means that the task is somebody else's now: stop working on it.";

    public static void MapMcp(this IEndpointRouteBuilder routes, string path)
    {
        routes.MapPost(path, (Delegate)AnswerAsync).DisableAntiforgery().ExcludeFromDescription();

        // There is nothing to listen to and no session to end: the specification's answer to both is 405.
        routes.MapMethods(path, ["GET", "DELETE"], (Delegate)((HttpContext http) =>
        {
            http.Response.Headers.Allow = "POST";
            http.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
        })).DisableAntiforgery().ExcludeFromDescription();
    }

    private static async Task AnswerAsync(HttpContext http)
    {
        RequireOwnOrigin(http);
        RequestBody.RequireJson(http);
        var message = Read(await RequestBody.ReadAsync(http));
        await using var transport = new StreamableHttpServerTransport { Stateless = true };
        await using var server = McpServer.Create(transport, OptionsFor(http), serviceProvider: http.RequestServices);
        var running = server.RunAsync(http.RequestAborted);

        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-cache, no-store";
        if (!await transport.HandlePostRequestAsync(message, http.Response.Body, http.RequestAborted))
        {
            http.Response.ContentType = null;
            http.Response.StatusCode = StatusCodes.Status202Accepted;
        }

        await transport.DisposeAsync();
        await running;
    }

    private static McpServerOptions OptionsFor(HttpContext http)
    {
        var caller = BusRoutes.CallerOf(http);
        return new McpServerOptions
        {
            ServerInfo = Server,
            ServerInstructions = Instructions,
            Capabilities = new ServerCapabilities { Tools = new ToolsCapability() },
            Handlers = new McpServerHandlers
            {
                ListToolsHandler = (_, _) => ValueTask.FromResult(new ListToolsResult { Tools = [.. McpTools.For(caller).Select(t => t.Listed)] }),
                CallToolHandler = async (request, _) =>
                {
                    var name = request.Params?.Name;
                    var tool = McpTools.For(caller).FirstOrDefault(t => t.Listed.Name == name)
                        ?? throw new McpProtocolException($"There is no tool '{name}'. tools/list has those that there are for you.", McpErrorCode.InvalidParams);
                    return await http.RequestServices.GetRequiredService<CallTool>().ExecuteAsync(tool, http, request.Params!.Arguments);
                },
            },
        };
    }

    private static JsonRpcMessage Read(ReadOnlyMemory<byte> body)
    {
        RequestBody.RequireUtf8(body.Span);
        try
        {
            return JsonSerializer.Deserialize<JsonRpcMessage>(body.Span, McpJsonUtilities.DefaultOptions)
                ?? throw new DomainException(ProblemTypes.MalformedJson, "The body is null; one JSON-RPC message was expected.");
        }
        catch (JsonException)
        {
            throw new DomainException(ProblemTypes.MalformedJson, "The body is not a JSON-RPC 2.0 message.");
        }
    }

    // A page of another site that has been given a key would act for its holder; a client that is no browser sends no origin (SE-27).
    private static void RequireOwnOrigin(HttpContext http)
    {
        var origin = http.Request.Headers.Origin.ToString();
        if (origin.Length > 0 && !string.Equals(origin, $"{http.Request.Scheme}://{http.Request.Host}", StringComparison.OrdinalIgnoreCase))
        {
            throw new ForbiddenException($"Requests to {Path} from pages of '{origin}' are not taken.");
        }
    }
}
