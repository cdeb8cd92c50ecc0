using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Tools;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Recovery.Wal;

/// <summary>Uploads log: at once for whoever waits, and else in what others leave over of the processors, for as long as that is enough for it to keep up.</summary>
internal sealed partial class LogUpload(Restic restic, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan LeftOverWithin = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan LateFor = TimeSpan.FromMinutes(10);

    private long? _lateAt;

    /// <summary>Uploads a folder as a snapshot.</summary>
    /// <param name="folder">Its path.</param>
    /// <param name="tags">What it is marked with.</param>
    /// <param name="isWaitedFor">Whether somebody waits for it.</param>
    /// <param name="cancellationToken">Breaks it off.</param>
    /// <exception cref="ToolException">It failed.</exception>
    public async Task<ResticUpload> ExecuteAsync(string folder, IReadOnlyList<string> tags, bool isWaitedFor, CancellationToken cancellationToken)
    {
        if (!isWaitedFor && (_lateAt is not { } late || time.GetElapsedTime(late) >= LateFor))
        {
            try
            {
                return await restic.BackupAsync(folder, tags, Hurry.LeftOver, LeftOverWithin, cancellationToken);
            }
            catch (ToolException slow) when (slow.Fault == RepositoryFault.Hanging)
            {
                LeftOverIsNotEnough(logger, slow, LeftOverWithin, LateFor);
                _lateAt = time.GetTimestamp();
            }
        }

        return await restic.BackupAsync(folder, tags, Hurry.AtOnce, within: null, cancellationToken);
    }

    [LoggerMessage(EventId = 1950, Level = LogLevel.Information, Message = "What others leave over of the processors was not enough to ship the log within {Within}; for {Time} it takes its part")]
    private static partial void LeftOverIsNotEnough(ILogger logger, Exception slow, TimeSpan within, TimeSpan time);
}
