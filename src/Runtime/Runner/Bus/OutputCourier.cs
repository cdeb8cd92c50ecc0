using System.Net;
using ControlCenter.Runtime.Runner.Output;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Runner.Bus;

/// <summary>Brings output to the bus, several runtimes' in one request.</summary>
internal sealed partial class OutputCourier(BusConnection bus, Guid hostId, ILogger logger)
{
    /// <summary>Between two requests while there is little: who looks at it sees it within half a second, and fifty talkers are two requests a second.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(400);

    // The bus takes 1 MiB a request; what is around the lines of a hundred runtimes is the rest.
    private const int MostBytes = 900 * 1024;
    private const int MostBytesEach = 256 * 1024;

    private int _turn;

    /// <summary>Hands over what there is, as far as it fits. Returns whether there is more.</summary>
    public async Task<bool> HandOverAsync(IEnumerable<AgentRun> runs, CancellationToken cancellationToken)
    {
        var talking = runs.Where(r => r.Spool.HasLines).OrderBy(r => r.Id).ToList();
        if (talking.Count == 0)
        {
            return false;
        }

        // One that floods does not keep the others from their turn.
        var batches = new List<(AgentRun Run, SpoolBatch Batch)>();
        var bytes = 0;
        var first = _turn++ % talking.Count;
        foreach (var run in talking.Skip(first).Concat(talking.Take(first)))
        {
            if (MostBytes - bytes < MostBytesEach)
            {
                break;
            }

            if (run.Spool.Read(MostBytesEach) is { } batch)
            {
                batches.Add((run, batch));
                bytes += batch.Lines.Length;
            }
        }

        try
        {
            foreach (var standing in await bus.HandOverAsync(hostId, batches, cancellationToken))
            {
                if (batches.Find(b => b.Run.Id == standing.RuntimeId) is { Run: { } run })
                {
                    run.Spool.Acknowledge(standing.NextLine ?? run.Spool.NextLine);
                }
            }
        }
        catch (BusProblemException fault) when (fault.Status is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity or HttpStatusCode.RequestEntityTooLarge)
        {
            // It would be refused for ever, and hold up all that comes after it.
            LogNotTaken(logger, batches.Count, fault.Message);
            foreach (var (run, batch) in batches)
            {
                run.Spool.Acknowledge(batch.FirstLine + batch.Lines.Span.Count((byte)'\n'));
            }
        }

        return bytes >= MostBytesEach;
    }

    [LoggerMessage(EventId = 1820, Level = LogLevel.Error, Message = "The output of {Count} runtimes was not taken, and is let go: {Reason}")]
    private static partial void LogNotTaken(ILogger logger, int count, string reason);
}
