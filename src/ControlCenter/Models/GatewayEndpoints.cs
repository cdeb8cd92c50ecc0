using ControlCenter.Bus;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Models;
using Microsoft.AspNetCore.Http.Features;

namespace ControlCenter.Models;

/// <summary>The model gateway (bus-api.md, Costs and the model gateway): the providers' own calls, in their own wire formats.</summary>
internal static class GatewayEndpoints
{
    private const string ModuleHeader = "x-cc-module";
    private const string CallHeader = "x-cc-call";
    private const int LongestSession = 200;

    public static void MapGateway(this WebApplication app)
    {
        var routes = app.MapGroup("").DisableAntiforgery().ExcludeFromDescription();
        foreach (var endpoint in Enum.GetValues<ModelEndpoint>())
        {
            routes.MapPost(endpoint.Path(), (Delegate)((HttpContext http) => GuardAsync(http, endpoint.Dialect(), () => CallAsync(http, endpoint))));
        }

        routes.MapGet("/v1/models", (Delegate)((HttpContext http) => GuardAsync(http, ListedModels.DialectOf(http), () => ListedModels.ListAsync(http))));
        routes.MapGet("/v1/models/{**id}", (Delegate)((HttpContext http) => GuardAsync(
            http, ListedModels.DialectOf(http), () => ListedModels.FindAsync(http, http.GetRouteValue("id")?.ToString() ?? ""))));
        routes.MapMethods("/v1/{**rest}", ["GET", "POST", "PUT", "PATCH", "DELETE"], (Delegate)((HttpContext http) => GuardAsync(
            http, ListedModels.DialectOf(http), () => throw new DomainException(ProblemTypes.NotFound, $"The gateway does not pass on {http.Request.Method} {http.Request.Path}."))));
    }

    /// <summary>Clients of models look whether anybody is there before they call: they are told, and are not sent to sign in.</summary>
    public static void AnswerModelClients(this WebApplication app) => app.Use((http, next) =>
    {
        var headers = http.Request.Headers;
        var accepts = headers.Accept.ToString();
        var isClient = accepts.Length > 0 || headers.ContainsKey("x-api-key") || headers.ContainsKey("Authorization");
        var asks = http.Request.Path == "/" && !headers.ContainsKey("Cookie") && !accepts.Contains("text/html", StringComparison.OrdinalIgnoreCase)
            && (HttpMethods.IsHead(http.Request.Method) || (HttpMethods.IsGet(http.Request.Method) && isClient));
        if (!asks)
        {
            return next(http);
        }

        http.Response.ContentType = "application/json";
        return HttpMethods.IsHead(http.Request.Method) ? Task.CompletedTask : http.Response.WriteAsync("""{"service":"control-center","gateway":"/v1"}""", http.RequestAborted);
    });

    private static Task GuardAsync(HttpContext http, Dialect dialect, Func<Task> answer)
    {
        return http.RequestServices.GetRequiredService<GatewayGuard>().AnswerAsync(http, dialect, answer);
    }

    private static async Task CallAsync(HttpContext http, ModelEndpoint endpoint)
    {
        var caller = BusRoutes.CallerOf(http);
        caller.Require(Permission.CallModels);
        var body = await GatewayBody.ReadAsync(http);
        var call = new ModelCall(
            endpoint, http.Request.QueryString.Value ?? "", [.. http.Request.Headers.SelectMany(h => h.Value.Select(v => KeyValuePair.Create(h.Key, v ?? "")))],
            body, SessionIn(http), TaskIn(http));
        var answer = await http.RequestServices.GetRequiredService<CallModel>().ExecuteAsync(call, caller, http.RequestAborted);

        http.Response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers)
        {
            http.Response.Headers.Append(name, value);
        }

        http.Response.Headers[ModuleHeader] = answer.ModuleId;
        http.Response.Headers[CallHeader] = answer.CallId.ToString();
        if (answer.IsStream)
        {
            http.Features.Get<IHttpResponseBodyFeature>()!.DisableBuffering();
        }
        else
        {
            http.Response.ContentLength = answer.Whole.Length;
        }

        var writer = http.Response.BodyWriter;
        if (!await answer.PassOnAsync(async bytes =>
        {
            // A flush that says that nobody reads any more is the caller's hanging up.
            if ((await writer.WriteAsync(bytes, http.RequestAborted)).IsCompleted)
            {
                throw new OperationCanceledException(http.RequestAborted);
            }
        }))
        {
            http.Abort();
        }
    }

    private static string? SessionIn(HttpContext http)
    {
        var session = http.Request.Headers["x-cc-session"].ToString();
        return session.Length == 0 ? null
            : session.Length <= LongestSession && session.All(c => c is >= ' ' and <= '~') ? session
            : throw new ValidationException("x-cc-session", $"1 to {LongestSession} printable characters.");
    }

    private static Guid? TaskIn(HttpContext http)
    {
        var task = http.Request.Headers["x-cc-task"].ToString();
        return task.Length == 0 ? null
            : Guid.TryParseExact(task, "D", out var id) ? id
            : throw new ValidationException("x-cc-task", "It is not an id.");
    }
}

