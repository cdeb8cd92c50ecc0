namespace ControlCenter.Domain.Recovery;

/// <summary>What recovery is to reach (blueprint 10.6).</summary>
public static class RecoveryTargets
{
    /// <summary>So much of what was answered may be lost: 5 min.</summary>
    public static readonly TimeSpan MostLoss = TimeSpan.FromMinutes(5);

    /// <summary>So long a restore of the database may take: the same day, 24 h.</summary>
    public static readonly TimeSpan MostDowntime = TimeSpan.FromHours(24);
}

/// <summary>
/// The achieved RPO: what a loss of the machine would have cost. A shipment of log exposes what was written since the one before
/// it, from the first event of that time until the shipment has arrived. Where nothing happened, nothing was exposed: idle is not lag.
/// </summary>
/// <param name="Now">What would be lost now; null where that is not known.</param>
/// <param name="Worst">The longest exposure; null where none was measured.</param>
/// <param name="WorstAt">When that ended; now, where it has not.</param>
/// <param name="NinetyNine">99 of 100 were no longer; null where none was measured.</param>
public sealed record AchievedLoss(TimeSpan? Now, TimeSpan? Worst, DateTimeOffset? WorstAt, TimeSpan? NinetyNine)
{
    /// <summary>Whether it was within the target all the time; null where that cannot be said.</summary>
    public bool? IsWithinTarget => Worst is { } worst ? worst <= RecoveryTargets.MostLoss : null;

    /// <summary>How long what came with a shipment was exposed.</summary>
    /// <param name="firstWrittenAt">The first event since the shipment before; null where there was none.</param>
    /// <param name="arrivedAt">When the shipment was in the repository.</param>
    public static TimeSpan Exposure(DateTimeOffset? firstWrittenAt, DateTimeOffset arrivedAt) =>
        firstWrittenAt is { } at && at < arrivedAt ? arrivedAt - at : TimeSpan.Zero;

    /// <summary>Puts what was measured and what is exposed now together: a shipment that does not come counts before it has come.</summary>
    /// <param name="lag">What is exposed now; null where that is not known.</param>
    /// <param name="worst">The worst that has arrived, and when.</param>
    /// <param name="ninetyNine">99 of 100 of those.</param>
    /// <param name="now">The moment.</param>
    public static AchievedLoss Of(TimeSpan? lag, (TimeSpan Length, DateTimeOffset At)? worst, TimeSpan? ninetyNine, DateTimeOffset now) =>
        lag is { } exposed && exposed > (worst?.Length ?? TimeSpan.Zero)
            ? new AchievedLoss(lag, exposed, now, ninetyNine)
            : new AchievedLoss(lag, worst?.Length, worst?.At, ninetyNine);
}

/// <summary>A restore that was done.</summary>
/// <param name="At">When.</param>
/// <param name="Bytes">The size of the base that it began from.</param>
/// <param name="Seconds">From the first byte fetched to the last check.</param>
public sealed record MeasuredRestore(DateTimeOffset At, long Bytes, double Seconds);

/// <summary>How long a restore will take, by those that were done.</summary>
public static class RestoreForecast
{
    /// <summary>
    /// The slowest of the restores given, each taken to the size that there is now. A part of each does not grow with the size, and is not
    /// told apart here: for a larger database the forecast is too long rather than too short, and for a smaller one it is never less than what was seen.
    /// </summary>
    /// <param name="measured">The newest ones, all of this machine.</param>
    /// <param name="bytes">The size of a base now.</param>
    /// <returns>Null where nothing was measured.</returns>
    public static TimeSpan? Of(IReadOnlyCollection<MeasuredRestore> measured, long bytes) =>
        measured.Where(m => m.Bytes > 0).Select(m => (TimeSpan?)TimeSpan.FromSeconds(m.Seconds * Math.Max(1, (double)bytes / m.Bytes))).Max();
}
