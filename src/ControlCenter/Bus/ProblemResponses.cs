using System.Diagnostics;
using System.Text.Json;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using Npgsql;

namespace ControlCenter.Bus;

/// <summary>Turns everything that goes wrong under the bus's paths into a problem document (RFC 9457), in one place.</summary>
internal sealed partial class ProblemResponses(RequestDelegate next, ILogger<ProblemResponses> logger)
{
    public async Task InvokeAsync(HttpContext http)
    {
        try
        {
            await next(http);
        }
        catch (DomainException problem)
        {
            await WriteAsync(http, problem);
        }
        catch (BadHttpRequestException fault)
        {
            await WriteAsync(http, fault.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? new DomainException(ProblemTypes.PayloadTooLarge, "A body is at the most 1 MiB.")
                : new DomainException(ProblemTypes.MalformedJson, "The request could not be read to its end."));
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // The caller has gone; there is nobody to answer.
            http.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
        }
        catch (Exception fault) when (Known(fault) is { } problem)
        {
            LogKnown(logger, http.Request.Path, problem.Message, fault.Message);
            await WriteAsync(http, problem);
        }
#pragma warning disable CA1031 // The last line before the wire: logged with its trace, and answered without a stack trace.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            LogUnhandled(logger, http.Request.Method, http.Request.Path, fault);
            await WriteAsync(http, new DomainException(ProblemTypes.InternalError, "Something went wrong inside the host. The log has it under this trace_id."));
        }

        // What routing itself turned away has a status and no words yet.
        if (!http.Response.HasStarted && http.Response.ContentLength is null && http.Response.ContentType is null)
        {
            var problem = http.Response.StatusCode switch
            {
                StatusCodes.Status404NotFound => new DomainException(ProblemTypes.NotFound, $"There is nothing at {http.Request.Path}. /openapi/v1.json describes what there is."),
                StatusCodes.Status405MethodNotAllowed => new DomainException(ProblemTypes.MethodNotAllowed, $"{http.Request.Method} is not something that can be done to {http.Request.Path}."),
                StatusCodes.Status415UnsupportedMediaType => new DomainException(ProblemTypes.UnsupportedMediaType, $"The body must be application/json; '{http.Request.ContentType}' was said."),
                _ => null,
            };
            if (problem is not null)
            {
                await WriteAsync(http, problem);
            }
        }
    }

    /// <summary>Writes a problem, unless the answer has begun: then the connection is cut, so that nobody takes half an answer for a whole.</summary>
    public static async Task WriteAsync(HttpContext http, DomainException problem)
    {
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }

        // What belongs to the answer that was not given goes; what belongs to every answer (security, limits) stays.
        http.Response.ContentLength = null;
        http.Response.Headers.CacheControl = default;
        http.Response.StatusCode = problem.Status;
        http.Response.ContentType = "application/problem+json";
        if (problem.RetryAfterSeconds is { } seconds)
        {
            http.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        if (problem.Status == StatusCodes.Status401Unauthorized)
        {
            http.Response.Headers.WWWAuthenticate = "Bearer";
        }

        var document = new ProblemDocument(
            problem.Code, problem.Title, problem.Status, problem.Message,
            Activity.Current?.TraceId.ToHexString() ?? http.TraceIdentifier, problem.Code, problem.Errors);
        await JsonSerializer.SerializeAsync(http.Response.Body, document, WireJson.Options, http.RequestAborted);
    }

    /// <summary>What a fault of the database means for its caller; null where it is one of ours.</summary>
    public static DomainException? Known(Exception fault) => fault switch
    {
        // Class 22, data exception: a value that PostgreSQL cannot hold and that no rule of ours has named before.
        PostgresException { SqlState: ['2', '2', ..] } =>
            new ValidationException("body", "It has a value that cannot be stored: a number out of range, or text that is not valid Unicode."),
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } => new UnavailableException(
            ProblemTypes.DatabaseUnavailable, "The database's disk is full: nothing was changed, and nothing can be written until somebody makes room on it.", 5),
        _ when IsDatabaseAway(fault) => new UnavailableException(
            ProblemTypes.DatabaseUnavailable, "The database cannot be reached just now; nothing was changed unless a repeat with the same Idempotency-Key says so.", 2),
        _ => null,
    };

    /// <summary>Whether a fault means that the database is away for a moment.</summary>
    public static bool IsDatabaseAway(Exception fault) =>
        fault is NpgsqlException { IsTransient: true } or PostgresException { SqlState: "57P01" or "57P02" or "57P03" or "53300" }
        || fault is NpgsqlException { InnerException: System.Net.Sockets.SocketException or IOException or TimeoutException };

    [LoggerMessage(EventId = 2001, Level = LogLevel.Error, Message = "{Method} {Path} failed")]
    private static partial void LogUnhandled(ILogger logger, string method, PathString path, Exception fault);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Warning, Message = "{Path}: {Problem} The database said: {Said}")]
    private static partial void LogKnown(ILogger logger, PathString path, string problem, string said);
}

/// <summary>A problem document (RFC 9457) with what bus-api.md adds.</summary>
internal sealed record ProblemDocument(
    string Type, string Title, int Status, string Detail, string TraceId, string Code, IReadOnlyDictionary<string, string[]>? Errors);
