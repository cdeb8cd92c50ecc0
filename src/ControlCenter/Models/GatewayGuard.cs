using ControlCenter.Access;
using ControlCenter.Bus;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.Models;
using Npgsql;

namespace ControlCenter.Models;

/// <summary>What every request to the gateway passes: who asks, and, for whatever goes wrong, an answer in the caller's dialect.</summary>
internal sealed partial class GatewayGuard(
    CallerDirectory directory, EndRevokedAccess revoked, HeldAgents held, RefusedAttempts refused, GatewayOptions options, ILogger<GatewayGuard> logger)
{
    private const string Bearer = "Bearer ";
    private const int LongestKey = 512;

    public async Task AnswerAsync(HttpContext http, Dialect dialect, Func<Task> answer)
    {
        try
        {
            var holder = await IdentifyAsync(http);
            http.Features.Set(holder);
            http.Features.Set(holder.Caller);

            // Refused before it counts as under way, so that it is told why and not cut off.
            await held.RequireFreeAsync(holder.Caller.ActorId, http.RequestAborted);

            // Who is stopped or loses access loses what he has under way: the provider stops there, and what was used is metered.
            using var untilRevoked = revoked.Watch(http);
            using var untilStopped = held.Watch(holder.Caller.ActorId, http.Abort);
            await answer();
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            // The caller has gone; there is nobody to answer.
        }
        catch (DomainException problem)
        {
            await GatewayErrors.WriteAsync(http, dialect, problem);
            await AuditAsync(http, problem);
        }
        catch (BadHttpRequestException fault)
        {
            await GatewayErrors.WriteAsync(http, dialect, fault.StatusCode == StatusCodes.Status413PayloadTooLarge ? GatewayBody.TooLarge(options.LargestBodyMiB) : new DomainException(ProblemTypes.MalformedJson, "The request could not be read to its end."));
        }
        catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.DiskFull)
        {
            LogDatabaseAway(logger, http.Request.Path, fault);
            await GatewayErrors.WriteAsync(http, dialect, new UnavailableException(ProblemTypes.DatabaseUnavailable, "The database's disk is full: nothing is called that could not be metered.", 5));
        }
        catch (Exception fault) when (ProblemResponses.IsDatabaseAway(fault))
        {
            LogDatabaseAway(logger, http.Request.Path, fault);
            await GatewayErrors.WriteAsync(http, dialect, new UnavailableException(ProblemTypes.DatabaseUnavailable, "The host's database cannot be reached just now: nothing is called that could not be metered.", 2));
        }
#pragma warning disable CA1031 // The last line before the wire: logged, and answered without a stack trace.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            LogUnhandled(logger, http.Request.Method, http.Request.Path, fault);
            await GatewayErrors.WriteAsync(http, dialect, new DomainException(ProblemTypes.InternalError, "Something went wrong inside the host."));
        }
    }

    // Anthropic's clients send x-api-key, or a bearer where they are told to; OpenAI's a bearer.
    private async Task<KeyHolder> IdentifyAsync(HttpContext http)
    {
        var header = http.Request.Headers.Authorization.ToString();
        var key = http.Request.Headers["x-api-key"].ToString().Trim() is { Length: > 0 } given ? given
            : header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? header[Bearer.Length..].Trim()
            : throw new DomainException(ProblemTypes.Unauthenticated, "Say who you are with a key of the control bus: Authorization: Bearer KEY, or x-api-key: KEY.");
        return key.Length is > 0 and <= LongestKey && await directory.FindAsync(key, http.RequestAborted) is { } holder
            ? holder
            : throw new DomainException(ProblemTypes.Unauthenticated, "This key is unknown, expired or revoked. The gateway takes keys of the control bus, not the provider's.");
    }

    private async Task AuditAsync(HttpContext http, DomainException problem)
    {
        if (http.Features.Get<Domain.Access.Caller>() is { } caller && RefusedAttempts.IsOne(problem))
        {
            BusMetrics.Refused.Add(1);
            await refused.RecordAsync(caller, $"{http.Request.Method} {http.Request.Path}", problem, http.RequestAborted);
        }
    }

    [LoggerMessage(EventId = 2101, Level = LogLevel.Error, Message = "{Method} {Path} failed")]
    private static partial void LogUnhandled(ILogger logger, string method, PathString path, Exception fault);

    [LoggerMessage(EventId = 2102, Level = LogLevel.Warning, Message = "{Path}: the database cannot be reached")]
    private static partial void LogDatabaseAway(ILogger logger, PathString path, Exception fault);
}
