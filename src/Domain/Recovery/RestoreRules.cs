using System.Globalization;

namespace ControlCenter.Domain.Recovery;

/// <summary>What was looked at in a restored database, and what was found.</summary>
/// <param name="Name">Its name, for good (<c>counts</c>).</param>
/// <param name="Sentence">What is to be so.</param>
/// <param name="Passed">Whether it is.</param>
/// <param name="Detail">What was found.</param>
public sealed record RestoreVerdict(string Name, string Sentence, bool Passed, string Detail);

/// <summary>When a restored database is one to go on with.</summary>
public static class RestoreRules
{
    // What only grows, but for whole months that retention removes: fewer rows than the backup had are rows that are lost.
    private static readonly HashSet<string> OnlyGrow = new(StringComparer.Ordinal)
    {
        "events", "decisions", "audit_entries", "cost_events", "cost_event_ids", "tickets", "tasks", "actors", "agents", "invoices", "budget_changes",
    };

    /// <summary>So much is written after a base and before its marker: a moment that close to it is the base's own.</summary>
    public static readonly TimeSpan SameMoment = TimeSpan.FromSeconds(1);

    /// <summary>The tables against the base's manifest: at the base's own moment each has what it had then, but for the bounds, and perhaps what was written in that moment; later, all there, and of what only grows no less.</summary>
    /// <param name="tables">The comparison.</param>
    /// <param name="baseAt">When the manifest was counted.</param>
    /// <param name="to">The moment that was restored.</param>
    public static RestoreVerdict Counts(IReadOnlyCollection<TableVerdict> tables, DateTimeOffset baseAt, DateTimeOffset to)
    {
        var atBase = to - baseAt <= SameMoment;
        var wrong = tables.Where(t => t.Found is null || (t.Expected is not null && (atBase ? !t.Passed && t.Found < t.Expected : OnlyGrow.Contains(t.Table) && t.Found < t.Expected * (100 - DrillRules.MostDriftPercent) / 100)))
            .Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Table}: {(t.Found is { } found ? $"{found:#,0} of {t.Expected:#,0} rows" : "not there")}")).ToList();
        return new RestoreVerdict(
            "counts", atBase
                ? "Every table has at least as many rows as the backup's manifest says, but for 5 %."
                : "Every table of the backup's manifest is there, and what only grows has no fewer rows than then.",
            wrong.Count == 0,
            wrong.Count == 0
                ? string.Create(CultureInfo.InvariantCulture, $"{tables.Count} tables with {tables.Sum(t => t.Found ?? 0):#,0} rows; the manifest has {tables.Sum(t => t.Expected ?? 0):#,0}")
                : string.Join("; ", wrong));
    }

    /// <summary>Whether something in it is from shortly before the moment.</summary>
    public static RestoreVerdict Fresh(IReadOnlyCollection<TableCount> restored, DateTimeOffset to)
    {
        var age = DrillRules.AgeOfNewest(restored, to);
        return new RestoreVerdict(
            "freshness", "The newest row is from the last 24 h before the moment.", age is { } old && old <= DrillRules.Freshness,
            age is { } gone ? string.Create(CultureInfo.InvariantCulture, $"the newest row is {Math.Max(0, gone.TotalSeconds):0} s older than the moment") : "no row has a time");
    }

    /// <summary>What <c>pg_amcheck</c> said.</summary>
    /// <param name="damage">Its complaints; empty for none.</param>
    public static RestoreVerdict Sound(string damage) => new(
        "amcheck", "Every table and index can be read whole, and they agree (pg_amcheck).", damage.Length == 0, damage.Length == 0 ? "no damage" : damage);
}
