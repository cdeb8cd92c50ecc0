using System.Text.Json;
using ControlCenter.Bus;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ModelContextProtocol.Protocol;

namespace ControlCenter.Mcp;

/// <summary>Calls a tool, and makes an answer of whatever comes of it: a refusal is one that the model can read and act on.</summary>
internal sealed partial class CallTool(Refusals refusals, ILogger<CallTool> logger)
{
    public async Task<CallToolResult> ExecuteAsync(McpTool tool, HttpContext http, IDictionary<string, JsonElement>? arguments)
    {
        try
        {
            return Answer(await tool.RunAsync(http, arguments ?? new Dictionary<string, JsonElement>(StringComparer.Ordinal)), isError: false);
        }
        catch (DomainException problem)
        {
            await refusals.NoteAsync(http, $"{http.Request.Method} {http.Request.Path} {tool.Listed.Name}", problem);
            return Problem(problem);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            throw;
        }
#pragma warning disable CA1031 // The last line before the wire: logged, and answered without a stack trace.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            LogFailed(logger, tool.Listed.Name, fault);
            return Problem(ProblemResponses.Known(fault) ?? new DomainException(ProblemTypes.InternalError, "Something went wrong inside the host."));
        }
    }

    private static CallToolResult Problem(DomainException problem) => Answer(
        JsonSerializer.SerializeToElement(
            new ToolProblem(problem.Code, problem.Message, problem.Errors, problem.RetryAfterSeconds), WireJson.Options),
        isError: true);

    private static CallToolResult Answer(JsonElement answer, bool isError) => new()
    {
        Content = [new TextContentBlock { Text = answer.GetRawText() }],
        StructuredContent = answer,
        IsError = isError,
    };

    [LoggerMessage(EventId = 2201, Level = LogLevel.Error, Message = "Tool {Tool} failed")]
    private static partial void LogFailed(ILogger logger, string tool, Exception fault);

    private sealed record ToolProblem(string Code, string Detail, IReadOnlyDictionary<string, string[]>? Errors, int? RetryAfterSeconds);
}
