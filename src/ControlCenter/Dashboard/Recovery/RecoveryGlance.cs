using ControlCenter.Runtime.Recovery;

namespace ControlCenter.Dashboard.Recovery;

/// <summary>The sentence for those who only pass by: read beside the page and never waited for, since a repository may take its time or hang.</summary>
internal sealed partial class RecoveryGlance(RecoveryQueries recovery, RecoveryFiguresQueries figures, TimeProvider time, ILogger<RecoveryGlance> logger)
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(10);

    // Beyond this what was read says nothing about now.
    private static readonly TimeSpan OldAfter = TimeSpan.FromMinutes(2);

    private readonly Lock _gate = new();
    private RecoverySentence? _last;
    private long _readAt;
    private Task _reading = Task.CompletedTask;

    /// <summary>What was read last; null where nothing was, or it is too old to be believed. Sees to it that the next look knows more.</summary>
    public RecoverySentence? Look()
    {
        lock (_gate)
        {
            if (_reading.IsCompleted && (_last is null || time.GetElapsedTime(_readAt) > ReadEvery))
            {
                _reading = Task.Run(ReadAsync);
            }

            return _last is not null && time.GetElapsedTime(_readAt) > OldAfter ? null : _last;
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            var sentence = RecoverySentence.Of(
                await recovery.StateAsync(CancellationToken.None), await figures.ReadAsync(CancellationToken.None), await recovery.ProblemsAsync(CancellationToken.None));
            lock (_gate)
            {
                (_last, _readAt) = (sentence, time.GetTimestamp());
            }
        }
#pragma warning disable CA1031 // The database may be away for a moment: the next look reads again, and what is too old is not shown.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            LogReadFailed(logger, fault);
        }
    }

    [LoggerMessage(EventId = 3011, Level = LogLevel.Warning, Message = "What can be restored could not be read; it is tried again with the next look")]
    private static partial void LogReadFailed(ILogger logger, Exception fault);
}
