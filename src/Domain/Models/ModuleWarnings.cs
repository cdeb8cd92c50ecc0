using System.Globalization;

namespace ControlCenter.Domain.Models;

/// <summary>What is said of a module, and who says so (MP-01).</summary>
/// <param name="Field">What it is about: one of <see cref="Fields"/>.</param>
/// <param name="Source">Where it stands: an address, a document, a measurement.</param>
/// <param name="VerifiedAt">When somebody last saw that it is so.</param>
public sealed record Evidence(string Field, string Source, DateTimeOffset VerifiedAt)
{
    /// <summary>Providers change prices and limits a few times a year: what was not looked at for a quarter may well be wrong.</summary>
    public static readonly TimeSpan OldAfter = TimeSpan.FromDays(90);

    /// <summary>What there can be evidence of.</summary>
    public static IReadOnlyList<string> Fields { get; } =
        ["price", "context_window", "max_output", "capabilities", "trust", "upstream_model", "windows", "ends_at"];

    /// <summary>Whether it should be looked at again.</summary>
    public bool IsOldAt(DateTimeOffset now) => now - VerifiedAt > OldAfter;
}

/// <summary>What the founder should know of a module before he relies on it.</summary>
public static class ModuleWarnings
{
    /// <summary>Long enough to try another one, and to move a route.</summary>
    public static readonly TimeSpan EndsSoon = TimeSpan.FromDays(30);

    /// <summary>In words; empty where there is nothing to say.</summary>
    public static IEnumerable<string> Of(Module module, DateTimeOffset now)
    {
        if (module.HasEndedAt(now))
        {
            yield return $"Its provider ended it on {Day(module.EndsAt!.Value)}: it is not called any more.";
        }
        else if (module.EndsAt is { } end && end - now <= EndsSoon)
        {
            yield return $"Its provider ends it on {Day(end)}: from then on it is not called.";
        }

        foreach (var old in (module.Evidence ?? []).Where(e => e.IsOldAt(now)))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{old.Field.Replace('_', ' ')} was last verified {(int)(now - old.VerifiedAt).TotalDays} days ago.");
        }
    }

    private static string Day(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
}
