using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Models;

/// <summary>Problems in the shape that a dialect's clients understand.</summary>
internal static class GatewayErrors
{
    /// <summary>Writes a problem, unless the answer has begun: then the connection is cut, so that nobody takes half an answer for a whole.</summary>
    public static async Task WriteAsync(HttpContext http, Dialect dialect, DomainException problem)
    {
        if (http.Response.HasStarted)
        {
            http.Abort();
            return;
        }

        http.Response.StatusCode = problem.Status;
        http.Response.ContentType = "application/json";
        if (problem.RetryAfterSeconds is { } seconds)
        {
            http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }
        else
        {
            // The gateway has tried what can be tried: a client's own retries would only multiply it.
            http.Response.Headers["x-should-retry"] = "false";
        }

        var bytes = dialect == Dialect.Anthropic
            ? JsonSerializer.SerializeToUtf8Bytes(new AnthropicError("error", new AnthropicError.Body(AnthropicType(problem), problem.Message, problem.Code), http.TraceIdentifier), WireJson.Options)
            : JsonSerializer.SerializeToUtf8Bytes(new OpenAiError(new OpenAiError.Body(problem.Message, OpenAiType(problem), Parameter(problem), problem.Code)), WireJson.Options);
        http.Response.ContentLength = bytes.Length;
        await http.Response.Body.WriteAsync(bytes, http.RequestAborted);
    }

    private static string? Parameter(DomainException problem) => problem.Errors?.Keys.FirstOrDefault();

    private static string AnthropicType(DomainException problem) => problem.Status switch
    {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        504 => "timeout_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };

    private static string OpenAiType(DomainException problem) => problem.Status switch
    {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };

    /// <summary>Anthropic's shape; <c>code</c> is ours beside it.</summary>
    private sealed record AnthropicError(string Type, AnthropicError.Body Error, string RequestId)
    {
        public sealed record Body(string Type, string Message, string Code);
    }

    /// <summary>OpenAI's shape.</summary>
    private sealed record OpenAiError(OpenAiError.Body Error)
    {
        public sealed record Body(string Message, string Type, string? Param, string Code);
    }
}
