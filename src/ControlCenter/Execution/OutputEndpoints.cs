using ControlCenter.Bus;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Execution.Transcripts;

namespace ControlCenter.Execution;

/// <summary>The output of runtimes on the bus: handed over by hosts, read by everybody else.</summary>
internal static class OutputEndpoints
{
    private const int LongestWaitSeconds = 60;

    public static void MapOutput(this IEndpointRouteBuilder routes)
    {
        routes.MapChange<AppendOutput, List<OutputBatch>, IReadOnlyList<OutputStanding>>(
            "POST", "/hosts/{id}/output", (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Aborted));
        routes.MapQuery<TranscriptQueries, OutputRange>("/runtimes/{id}/output", "runtime", (transcripts, http) => transcripts.ReadAsync(
            BusRoutes.IdIn(http),
            BusRoutes.OptionalNumber(http, "from_line", 0, long.MaxValue) ?? 0,
            (int)(BusRoutes.OptionalNumber(http, "limit", 1, TranscriptQueries.MostLines) ?? TranscriptQueries.DefaultLines),
            TimeSpan.FromSeconds(BusRoutes.OptionalNumber(http, "wait_seconds", 0, LongestWaitSeconds) ?? 0),
            http.RequestAborted));
        routes.MapQuery<TranscriptQueries, TranscriptProof>(
            "/runtimes/{id}/output/proof", "runtime", (transcripts, http) => transcripts.ProveAsync(BusRoutes.IdIn(http), http.RequestAborted));
    }
}
