using System.Globalization;
using ControlCenter.Runtime.Recovery.Restore;

namespace ControlCenter.Dashboard.Recovery;

/// <summary>The moment that a database is restored to, as the page's address has it and people say it.</summary>
internal static class RestoreMoment
{
    /// <summary>Reads an address or what the browser sent; null where it is no moment.</summary>
    public static DateTimeOffset? Parse(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at.ToUniversalTime() : null;

    /// <summary>Writes it, to the microsecond: PostgreSQL's own.</summary>
    public static string Text(DateTimeOffset moment) => moment.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    /// <summary>The last moment at which an event was not there: its transaction was committed at its time or later.</summary>
    public static DateTimeOffset JustBefore(DateTimeOffset at) => at - TimeSpan.FromMicroseconds(1);

    /// <summary>How much of the map is shown; null for all of it.</summary>
    public static TimeSpan? WindowOf(string? back) => back switch { "7d" => TimeSpan.FromDays(7), "24h" => TimeSpan.FromDays(1), "1h" => TimeSpan.FromHours(1), _ => null };

    /// <summary>The map's right edge: half a window beyond the moment, and never beyond now.</summary>
    public static DateTimeOffset EdgeOf(string? back, DateTimeOffset moment, DateTimeOffset now) =>
        WindowOf(back) is { } window && moment + (window / 2) is var edge && edge < now ? edge : now;

    /// <summary>What of it people would miss: <c>, among them 2 completed tasks</c>.</summary>
    public static string Words(LostWork lost)
    {
        string[] parts = [.. new[] { Of(lost.TasksCompleted, "completed task"), Of(lost.TicketsOpened, "new ticket"), Of(lost.Decisions, "decision") }.OfType<string>()];
        return parts.Length == 0 ? "" : $", among them {(parts.Length == 1 ? parts[0] : $"{string.Join(", ", parts[..^1])} and {parts[^1]}")}";

        static string? Of(long count, string word) => count == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{count:#,0} {word}{(count == 1 ? "" : "s")}");
    }
}
