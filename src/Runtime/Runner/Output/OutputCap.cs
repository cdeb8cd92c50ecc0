namespace ControlCenter.Runtime.Runner.Output;

/// <summary>How much of a runtime's output is kept.</summary>
/// <param name="LinesPerSecond">Averaged; twice as many may come at once.</param>
/// <param name="BytesPerSecond">Averaged; four times as many may come at once.</param>
/// <param name="UnacknowledgedBytes">How much waits for the bus at the most, on disk.</param>
public sealed record OutputLimits(int LinesPerSecond = 2_000, int BytesPerSecond = 1024 * 1024, long UnacknowledgedBytes = 64L * 1024 * 1024);

/// <summary>
/// Says which lines are kept: two buckets that fill with time. One that was emptied is closed until it is full again, so that a flood
/// leaves whole stretches and one note for each gap, not every hundredth line.
/// </summary>
internal sealed class OutputCap(OutputLimits limits, TimeProvider time)
{
    private const int LineBurstSeconds = 2;
    private const int ByteBurstSeconds = 4;

    private double _lines = limits.LinesPerSecond * LineBurstSeconds;
    private double _bytes = (double)limits.BytesPerSecond * ByteBurstSeconds;
    private long _filledAt = time.GetTimestamp();

    /// <summary>Whether nothing is kept now.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Whether a line of so many bytes is kept.</summary>
    public bool Admits(int bytes)
    {
        Fill();
        if (IsClosed)
        {
            return false;
        }

        if (_lines < 1 || _bytes < bytes)
        {
            IsClosed = true;
            return false;
        }

        _lines--;
        _bytes -= bytes;
        return true;
    }

    private void Fill()
    {
        var now = time.GetTimestamp();
        var seconds = time.GetElapsedTime(_filledAt, now).TotalSeconds;
        _filledAt = now;
        double mostLines = limits.LinesPerSecond * LineBurstSeconds, mostBytes = (double)limits.BytesPerSecond * ByteBurstSeconds;
        _lines = Math.Min(mostLines, _lines + (seconds * limits.LinesPerSecond));
        _bytes = Math.Min(mostBytes, _bytes + (seconds * limits.BytesPerSecond));
        IsClosed &= _lines < mostLines || _bytes < mostBytes;
    }
}
