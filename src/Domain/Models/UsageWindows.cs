namespace ControlCenter.Domain.Models;

/// <summary>What a subscription's window counts.</summary>
public enum WindowUnit
{
    /// <summary>Calls that reached the provider.</summary>
    Calls,

    /// <summary>Tokens, in and out, from a cache or not.</summary>
    Tokens,
}

/// <summary>So much may be used of a subscription within so long. The window rolls: what was used leaves it again as it grows old.</summary>
/// <param name="Hours">How long it is: 5 for five hours, 168 for a week.</param>
/// <param name="Unit">What it counts.</param>
/// <param name="Limit">How much of it, more than nothing.</param>
public sealed record UsageWindow(int Hours, WindowUnit Unit, decimal Limit)
{
    /// <summary>Its length.</summary>
    public TimeSpan Length => TimeSpan.FromHours(Hours);
}

/// <summary>What is paid by the month, and what may be used for it.</summary>
/// <param name="PerMonth">The fee, in the price's currency.</param>
/// <param name="Windows">All of them hold at once.</param>
public sealed record Subscription(decimal PerMonth, UsageWindow[] Windows)
{
    private const decimal HoursOfAMonth = 730.5m;

    /// <summary>The share of the fee that a use takes: its part of what the longest window allows. What nobody uses is nobody's cost.</summary>
    public decimal ShareOf(decimal calls, decimal tokens) =>
        Windows.MaxBy(w => w.Hours) is { } window ? FeeFor(window) * (window.Unit == WindowUnit.Calls ? calls : tokens) / window.Limit : 0;

    /// <summary>Whether the share can be told without knowing the tokens.</summary>
    public bool CountsCalls => Windows.MaxBy(w => w.Hours) is { Unit: WindowUnit.Calls };

    /// <summary>What of the fee falls to one length of a window.</summary>
    public decimal FeeFor(UsageWindow window) => PerMonth * window.Hours / HoursOfAMonth;
}

/// <summary>How far a window is used, and where that is heading (AR-15).</summary>
/// <param name="Window">Which.</param>
/// <param name="Used">How much, in its unit.</param>
/// <param name="ExhaustedAt">When it is used up if things go on as of late; null where they do not lead there.</param>
/// <param name="RoomAt">When there is room again, for one that is used up; null for any other.</param>
public sealed record WindowUse(UsageWindow Window, decimal Used, DateTimeOffset? ExhaustedAt, DateTimeOffset? RoomAt)
{
    /// <summary>So many equal slices a window is looked at in: five minutes each, for one of five hours.</summary>
    public const int Slices = 60;

    // The pace is that of the last fifth: an hour of five, a day and a half of a week.
    private const int SlicesOfPace = Slices / 5;

    /// <summary>The part that is used: 1 is all of it.</summary>
    public decimal Share => Used / Window.Limit;

    /// <summary>Whether nothing is left.</summary>
    public bool IsUsedUp => Used >= Window.Limit;

    /// <summary>Reckons it.</summary>
    /// <param name="window">Which.</param>
    /// <param name="slices">What was used in each slice, the oldest first: <see cref="Slices"/> of them, the last of which ends now.</param>
    /// <param name="now">The moment.</param>
    public static WindowUse Of(UsageWindow window, IReadOnlyList<decimal> slices, DateTimeOffset now)
    {
        var slice = window.Length / Slices;
        var used = slices.Sum();
        var pace = slices.TakeLast(SlicesOfPace).Sum() / SlicesOfPace;
        if (used >= window.Limit)
        {
            var left = used;
            var gone = slices.TakeWhile(s => (left -= s) >= window.Limit).Count() + 1;
            return new WindowUse(window, used, now, now + (slice * gone));
        }

        // After a whole length only the pace is left in it: what has not filled it by then never will.
        var level = used;
        for (var ahead = 0; ahead < Slices; ahead++)
        {
            var next = level + pace - slices[ahead];
            if (next >= window.Limit)
            {
                return new WindowUse(window, used, now + (slice * (double)(ahead + ((window.Limit - level) / (next - level)))), null);
            }

            level = next;
        }

        return new WindowUse(window, used, null, null);
    }
}
