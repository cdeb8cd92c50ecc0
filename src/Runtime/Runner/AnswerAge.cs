namespace ControlCenter.Runtime.Runner;

/// <summary>How old an answer of the bus is: counted from before it was asked for, so that it is never older than this says.</summary>
/// <param name="time">The clock.</param>
internal sealed class AnswerAge(TimeProvider time)
{
    private readonly long _askedAt = time.GetTimestamp();
    private readonly DateTimeOffset _askedOn = time.GetUtcNow();

    /// <summary>The most that it can be now.</summary>
    public TimeSpan AtMost
    {
        get
        {
            // The one stands still while the machine sleeps; the other may be put back.
            var (counted, read) = (time.GetElapsedTime(_askedAt), time.GetUtcNow() - _askedOn);
            return counted > read ? counted : read;
        }
    }
}
