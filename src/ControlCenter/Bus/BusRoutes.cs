using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Bus;

/// <summary>One call of a command over HTTP.</summary>
/// <typeparam name="TRequest">The body.</typeparam>
internal sealed record CommandCall<TRequest>(HttpContext Http, TRequest Request, Caller Caller, IdempotentRequest? Idempotency)
{
    public CancellationToken Aborted => Http.RequestAborted;

    public Guid Id(string name = "id") => BusRoutes.IdIn(Http, name);
}

/// <summary>A command without a body.</summary>
internal sealed record NoBody;

/// <summary>How commands and queries are put on the wire: every one of them the same way.</summary>
internal static class BusRoutes
{
    /// <summary>Puts a command behind <c>POST</c>. The answer is its result with <paramref name="status"/>; no result is 204.</summary>
    public static RouteHandlerBuilder MapCommand<TCommand, TRequest, TResult>(
        this IEndpointRouteBuilder routes, string path, int status, Func<TCommand, CommandCall<TRequest>, Task<Outcome<TResult>>> execute)
        where TCommand : notnull
        where TResult : class
    {
        var builder = routes.MapPost(path, (Delegate)((HttpContext http) => RunAsync(http, status, execute)));
        if (typeof(TRequest) != typeof(NoBody))
        {
            builder.Accepts(typeof(TRequest), "application/json");
        }

        return builder.Produces<TResult>(status).ProducesProblem(400).ProducesProblem(401).ProducesProblem(403).ProducesProblem(409);
    }

    /// <summary>Puts a command that is not repeated by key behind another method.</summary>
    public static RouteHandlerBuilder MapChange<TCommand, TRequest, TResult>(
        this IEndpointRouteBuilder routes, string method, string path, Func<TCommand, CommandCall<TRequest>, Task<TResult>> execute)
        where TCommand : notnull
        where TResult : class =>
        routes.MapMethods(path, [method], (Delegate)((HttpContext http) => RunAsync<TCommand, TRequest, TResult>(
                http, StatusCodes.Status200OK, async (command, call) => new Outcome<TResult>(await execute(command, call), null))))
            .Accepts(typeof(TRequest), "application/json").Produces<TResult>().ProducesProblem(400).ProducesProblem(401).ProducesProblem(403);

    /// <summary>Puts a command that ends something behind <c>DELETE</c>. The answer is 204.</summary>
    public static RouteHandlerBuilder MapRemoval<TCommand>(this IEndpointRouteBuilder routes, string path, Func<TCommand, CommandCall<NoBody>, Task> execute)
        where TCommand : notnull =>
        routes.MapDelete(path, (Delegate)((HttpContext http) => RunAsync<TCommand, NoBody, NoBody>(
                http, StatusCodes.Status204NoContent, async (command, call) =>
                {
                    await execute(command, call);
                    return new Outcome<NoBody>(null, null);
                })))
            .Produces(StatusCodes.Status204NoContent).ProducesProblem(401).ProducesProblem(403).ProducesProblem(404);

    /// <summary>Puts a query behind <c>GET</c>. No result is a 404.</summary>
    public static RouteHandlerBuilder MapQuery<TQueries, TResult>(
        this IEndpointRouteBuilder routes, string path, string subject, Func<TQueries, HttpContext, Task<TResult?>> find)
        where TQueries : notnull
        where TResult : class =>
        routes.MapGet(path, (Delegate)(async (HttpContext http) =>
        {
            CallerOf(http).Require(Permission.ReadAll);
            var result = await find(http.RequestServices.GetRequiredService<TQueries>(), http)
                ?? throw new NotFoundException(subject, http.GetRouteValue("id")?.ToString() ?? "");
            await WriteAsync(http, StatusCodes.Status200OK, result);
        })).Produces<TResult>().ProducesProblem(401).ProducesProblem(404);

    /// <summary>Who calls: put there by <see cref="BusAuthentication"/>.</summary>
    public static Caller CallerOf(HttpContext http) =>
        http.Features.Get<Caller>() ?? throw new DomainException(ProblemTypes.Unauthenticated, "Say who you are: Authorization: Bearer KEY.");

    /// <summary>An id in the path; what is no id is an id that nobody has.</summary>
    public static Guid IdIn(HttpContext http, string name = "id")
    {
        var text = http.GetRouteValue(name)?.ToString() ?? "";
        return Guid.TryParseExact(text, "D", out var id) ? id : throw new NotFoundException(name == "id" ? "thing" : name, text);
    }

    /// <summary>An id in the query string, if it is there.</summary>
    public static Guid? OptionalId(HttpContext http, string name)
    {
        var text = http.Request.Query[name].ToString();
        return text.Length == 0 ? null
            : Guid.TryParseExact(text, "D", out var id) ? id
            : throw new ValidationException(name, $"'{text}' is not an id.");
    }

    /// <summary>A whole number in the query string, if it is there.</summary>
    public static long? OptionalNumber(HttpContext http, string name, long least, long most)
    {
        var text = http.Request.Query[name].ToString();
        return text.Length == 0 ? null
            : long.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number
            : throw new ValidationException(name, $"A whole number from {least} to {most}; '{text}' was given.");
    }

    /// <summary>A text in the query string, if it is there.</summary>
    public static string? OptionalText(HttpContext http, string name)
    {
        var text = http.Request.Query[name].ToString();
        return text.Length == 0 ? null : TextRules.OptionalLongText(text) is { } problem ? throw new ValidationException(name, problem) : text;
    }

    /// <summary>One of an enum's words in the query string, if it is there.</summary>
    public static TEnum? OptionalWord<TEnum>(HttpContext http, string name)
        where TEnum : struct, Enum
    {
        var text = OptionalText(http, name);
        return text is null ? null
            : WireNames<TEnum>.TryParse(text, out var word) ? word
            : throw new ValidationException(name, $"One of {string.Join(", ", WireNames<TEnum>.All)}; '{text}' was given.");
    }

    /// <summary>The page that the query string asks for.</summary>
    public static PageRequest PageIn(HttpContext http) =>
        new((int)(OptionalNumber(http, "limit", 1, PageRequest.MostItems) ?? PageRequest.DefaultLimit), OptionalText(http, "cursor"));

    /// <summary>Writes an answer.</summary>
    public static Task WriteAsync<T>(HttpContext http, int status, T value)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(value, WireJson.Options);
        return WriteBytesAsync(http, status, bytes);
    }

    private static async Task RunAsync<TCommand, TRequest, TResult>(
        HttpContext http, int status, Func<TCommand, CommandCall<TRequest>, Task<Outcome<TResult>>> execute)
        where TCommand : notnull
        where TResult : class
    {
        var caller = CallerOf(http);
        var body = await RequestBody.ReadAsync(http);
        TRequest request;
        if (typeof(TRequest) == typeof(NoBody) || (body.IsEmpty && typeof(TRequest).GetConstructors().Any(c => c.GetParameters().All(p => p.HasDefaultValue))))
        {
            request = RequestBody.Parse<TRequest>("{}"u8.ToArray());
        }
        else
        {
            RequestBody.RequireJson(http);
            request = RequestBody.Parse<TRequest>(body);
        }

        var idempotency = RequestBody.IdempotencyOf(http, caller.ActorId, body.Span, status);
        var command = http.RequestServices.GetRequiredService<TCommand>();
        using var turn = idempotency is null ? null
            : await http.RequestServices.GetRequiredService<IdempotencyGate>().EnterAsync(caller.ActorId, idempotency.Key, http.RequestAborted);
        await AnswerAsync(http, status, await execute(command, new CommandCall<TRequest>(http, request, caller, idempotency)));
    }

    /// <summary>Writes what a command came to: its result, or the first answer to the same request.</summary>
    public static Task AnswerAsync<T>(HttpContext http, int status, Outcome<T> outcome)
        where T : class
    {
        if (outcome.Replayed is { } replay)
        {
            http.Response.Headers["Idempotency-Replayed"] = "true";
            return WriteBytesAsync(http, replay.Status, System.Text.Encoding.UTF8.GetBytes(replay.Body));
        }

        return outcome.Value is { } value ? WriteAsync(http, status, value) : WriteBytesAsync(http, StatusCodes.Status204NoContent, []);
    }

    private static Task WriteBytesAsync(HttpContext http, int status, byte[] bytes)
    {
        http.Response.StatusCode = status;
        if (bytes.Length == 0)
        {
            return Task.CompletedTask;
        }

        http.Response.ContentType = "application/json";
        http.Response.ContentLength = bytes.Length;
        return http.Response.Body.WriteAsync(bytes, http.RequestAborted).AsTask();
    }
}
