namespace ControlCenter.Domain.Recovery;

/// <summary>Why a backup is kept.</summary>
public enum KeptAs
{
    /// <summary>The newest of its day.</summary>
    Daily,

    /// <summary>The newest of its week (ISO 8601: Monday to Sunday).</summary>
    Weekly,

    /// <summary>The newest of its month.</summary>
    Monthly,

    /// <summary>A milestone, held until somebody has reviewed it.</summary>
    Milestone,

    /// <summary>The newest of all, however old.</summary>
    Newest,
}

/// <summary>A backup, as retention looks at it.</summary>
/// <param name="Id">Which.</param>
/// <param name="At">When it was taken.</param>
/// <param name="IsMilestone">It is held until it is reviewed.</param>
public sealed record KeepableBackup(Guid Id, DateTimeOffset At, bool IsMilestone = false);

/// <summary>A backup and why it is kept; with no reason, it may go.</summary>
public sealed record Keeping(KeepableBackup Backup, IReadOnlyList<KeptAs> Reasons);

/// <summary>How long backups are kept (blueprint 10.4: 14 daily, 8 weekly, 12 monthly, milestones until reviewed).</summary>
/// <param name="Daily">For so many days in which there is one.</param>
/// <param name="Weekly">For so many weeks in which there is one.</param>
/// <param name="Monthly">For so many months in which there is one.</param>
/// <param name="WalDays">The log is kept for at the least so many days (blueprint 10.3A), and for as long as a kept base needs it.</param>
public sealed record BackupRetention(int Daily = 14, int Weekly = 8, int Monthly = 12, int WalDays = 7)
{
    /// <summary>Says of each backup why it is kept. Counting goes by periods that have one, so that a month without backups costs none of the old ones.</summary>
    /// <param name="backups">All that there are, in any order.</param>
    /// <param name="zone">Whose days, weeks and months.</param>
    /// <returns>Newest first.</returns>
    public IReadOnlyList<Keeping> Of(IReadOnlyCollection<KeepableBackup> backups, TimeZoneInfo zone)
    {
        var newestFirst = backups.OrderByDescending(b => b.At).ThenByDescending(b => b.Id).ToList();
        var reasons = newestFirst.ToDictionary(b => b.Id, _ => new List<KeptAs>());
        Keep(KeptAs.Daily, Daily, at => at.Date.Ticks);
        Keep(KeptAs.Weekly, Weekly, at => at.Date.AddDays(-(((int)at.DayOfWeek + 6) % 7)).Ticks);
        Keep(KeptAs.Monthly, Monthly, at => (at.Year * 12) + at.Month);
        foreach (var milestone in newestFirst.Where(b => b.IsMilestone))
        {
            reasons[milestone.Id].Add(KeptAs.Milestone);
        }

        if (newestFirst is [var newest, ..])
        {
            reasons[newest.Id].Add(KeptAs.Newest);
        }

        return [.. newestFirst.Select(b => new Keeping(b, reasons[b.Id]))];

        void Keep(KeptAs reason, int periods, Func<DateTime, long> periodOf)
        {
            foreach (var period in newestFirst.GroupBy(b => periodOf(TimeZoneInfo.ConvertTime(b.At, zone).DateTime)).Take(periods))
            {
                reasons[period.First().Id].Add(reason);
            }
        }
    }

    /// <summary>What may be removed of the log: everything before this place on this timeline and on older ones.</summary>
    /// <param name="kept">The bases that are kept.</param>
    /// <param name="shipments">Shipments that have arrived.</param>
    /// <param name="now">The moment.</param>
    /// <returns>Null where nothing may be removed: there is no base, or no shipment that is old enough.</returns>
    public (uint Timeline, Lsn Before)? WalFloor(IReadOnlyCollection<BaseBackup> kept, IReadOnlyCollection<WalShipment> shipments, DateTimeOffset now)
    {
        // A moment between two shipments is restored with the log of the later one: it begins where the earlier one ended.
        var old = shipments.Where(s => s.At <= now - TimeSpan.FromDays(WalDays)).Select(s => (s.Timeline, s.Through.Value)).ToList();
        if (kept.Count == 0 || old.Count == 0)
        {
            return null;
        }

        var floor = kept.Select(b => (b.Timeline, b.Start.Value)).Append(old.Max()).Min();
        return (floor.Timeline, new Lsn(floor.Value));
    }
}
