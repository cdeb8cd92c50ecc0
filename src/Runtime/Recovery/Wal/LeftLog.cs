using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Recovery;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Recovery.Wal;

/// <summary>What a host received before it was cut off, while another goes on: the server no longer keeps it, so it may be nowhere else.</summary>
internal sealed partial class LeftLog(LogUpload upload, RepositoryGate gate, TimeProvider time, ILogger logger)
{
    /// <summary>Brings it into the repository, where it closes the gap that it left; another cluster's is removed.</summary>
    /// <param name="folder">What was received.</param>
    /// <param name="staged">The folder that is uploaded.</param>
    /// <param name="system">This cluster's system identifier.</param>
    /// <param name="kept">From where on the server keeps log for the receiver.</param>
    /// <param name="cancellationToken">Breaks it off; the next start goes on.</param>
    /// <exception cref="Tools.ToolException">It cannot be uploaded.</exception>
    public async Task ShipAsync(WalFolder folder, string staged, string system, Lsn kept, CancellationToken cancellationToken)
    {
        if (folder.RemoveForeign(system) is > 0 and var foreign)
        {
            ForeignIsRemoved(logger, foreign);
        }

        folder.RemoveCutShort();
        if (!folder.EndsBefore(kept))
        {
            return;
        }

        var segments = folder.Stage(staged);
        var marks = new MarkedSnapshot("", SnapshotKind.Wal, Uuid7.New(time), system, time.GetUtcNow()) { Timeline = segments[^1].Timeline, Segments = segments, IsSealed = true };
        await using (await gate.AddAsync(cancellationToken))
        {
            await upload.ExecuteAsync(staged, SnapshotTags.Of(marks), isWaitedFor: false, cancellationToken);
        }

        IsShipped(logger, segments.Count);
    }

    [LoggerMessage(EventId = 1952, Level = LogLevel.Warning, Message = "{Segments} segments of another cluster's log were removed: this host served that one before")]
    private static partial void ForeignIsRemoved(ILogger logger, int segments);

    [LoggerMessage(EventId = 1953, Level = LogLevel.Information, Message = "Log that was received and not shipped, and that the server keeps no more, is in the repository now: {Segments} segments")]
    private static partial void IsShipped(ILogger logger, int segments);
}
