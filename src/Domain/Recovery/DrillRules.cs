namespace ControlCenter.Domain.Recovery;

/// <summary>A table as it was counted.</summary>
/// <param name="Table">Its name.</param>
/// <param name="Rows">How many rows.</param>
/// <param name="NewestAt">The newest row's time; null where there is none, or no time to go by.</param>
public sealed record TableCount(string Table, long Rows, DateTimeOffset? NewestAt);

/// <summary>A table in a restored database against the manifest of its backup.</summary>
/// <param name="Table">Its name.</param>
/// <param name="Expected">Rows in the manifest; null where the manifest has no such table.</param>
/// <param name="Found">Rows found; null where the restored database has no such table.</param>
/// <param name="DriftPercent">How far apart, of what was expected; null where that cannot be said.</param>
/// <param name="Passed">Within the bounds.</param>
public sealed record TableVerdict(string Table, long? Expected, long? Found, decimal? DriftPercent, bool Passed);

/// <summary>When a restore counts as proven (blueprint 10.8, by the manifest and not by what is live: design.md).</summary>
public static class DrillRules
{
    /// <summary>A table may be so many percent off its manifest.</summary>
    public const decimal MostDriftPercent = 5;

    /// <summary>
    /// And may have so many rows more in any case: a commit carries its time before others see it, so a restore to the moment of the count
    /// also has what was being committed in it, at the most a few batches.
    /// </summary>
    public const long MostBeingCommitted = 1_000;

    /// <summary>The newest row may be so much older than the backup: 24 h.</summary>
    public static readonly TimeSpan Freshness = TimeSpan.FromHours(24);

    /// <summary>A drill may take so long: 30 min.</summary>
    public static readonly TimeSpan MostDuration = TimeSpan.FromMinutes(30);

    /// <summary>Compares every table of either side; one that is missing has not passed, however small it was.</summary>
    public static IReadOnlyList<TableVerdict> Compare(IReadOnlyCollection<TableCount> manifest, IReadOnlyCollection<TableCount> restored)
    {
        var found = restored.ToDictionary(t => t.Table, t => t.Rows);
        var expected = manifest.ToDictionary(t => t.Table, t => t.Rows);
        return [.. expected.Keys.Union(found.Keys).Order(StringComparer.Ordinal).Select(Judge)];

        TableVerdict Judge(string table)
        {
            long? was = expected.TryGetValue(table, out var e) ? e : null;
            long? now = found.TryGetValue(table, out var f) ? f : null;
            decimal? drift = (was, now) switch
            {
                (null, _) or (_, null) => null,
                (0, 0) => 0,
                (0, _) => null,
                var (a, b) => Math.Round(Math.Abs(b.Value - a.Value) * 100m / a.Value, 2),
            };
            return new TableVerdict(table, was, now, drift, drift <= MostDriftPercent || (now >= was && now - was <= MostBeingCommitted));
        }
    }

    /// <summary>How much older the newest row is than the backup; null where no table has a time.</summary>
    public static TimeSpan? AgeOfNewest(IReadOnlyCollection<TableCount> restored, DateTimeOffset takenAt) =>
        restored.Max(t => t.NewestAt) is { } newest ? takenAt - newest : null;

    /// <summary>Whether what came back is new enough: within <see cref="Freshness"/> of the backup, or as new as there was anything. That nothing is written is no lag.</summary>
    /// <param name="manifest">What there was.</param>
    /// <param name="restored">What there is.</param>
    /// <param name="takenAt">The backup's moment.</param>
    public static bool IsFresh(IReadOnlyCollection<TableCount> manifest, IReadOnlyCollection<TableCount> restored, DateTimeOffset takenAt) =>
        restored.Max(t => t.NewestAt) is { } newest
            ? takenAt - newest <= Freshness || newest >= manifest.Max(t => t.NewestAt)
            : manifest.All(t => t.NewestAt is null);

    /// <summary>Whether a drill may be held: after one that failed, only once its root cause is recorded (blueprint 10.8). Those that came to no verdict do not count.</summary>
    /// <param name="latest">How the scenario's latest drills went, newest first, and whether each has its root cause.</param>
    public static bool MayRun(IEnumerable<(DrillState State, bool HasRootCause)> latest) =>
        latest.FirstOrDefault(d => d.State is DrillState.Passed or DrillState.Failed) is not { State: DrillState.Failed, HasRootCause: false };

    /// <summary>How many have failed in a row, the newest first. Those that came to no verdict do not count.</summary>
    public static int FailedInARow(IEnumerable<DrillState> latest) =>
        latest.Where(s => s is DrillState.Passed or DrillState.Failed).TakeWhile(s => s == DrillState.Failed).Count();

    /// <summary>The founder is asked, once, when so many drills of a scenario have failed in a row: 2.</summary>
    public const int EscalatedAfter = 2;
}
