using ControlCenter.Dashboard.Components;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery;

namespace ControlCenter.Dashboard.Recovery;

/// <summary>A piece of a sentence: words, or a moment that the browser shows in the viewer's zone.</summary>
/// <param name="Text">The words; null for a moment.</param>
/// <param name="At">The moment; null for words.</param>
/// <param name="Mode">How the moment is shown.</param>
public readonly record struct SentencePart(string? Text, DateTimeOffset? At = null, string Mode = "date");

/// <summary>Something that speaks against it.</summary>
/// <param name="Text">It, in a sentence.</param>
/// <param name="IsBad">Whether it hurts now, and is not only to be seen to.</param>
public readonly record struct SentenceProblem(string Text, bool IsBad);

/// <summary>What can be restored, in one sentence. Good only where nothing speaks against it: what was not proven is not good.</summary>
/// <param name="Tone">good, warn or bad.</param>
/// <param name="Word">The least that can be said.</param>
/// <param name="Parts">The sentence.</param>
/// <param name="Problems">What speaks against it.</param>
public sealed record RecoverySentence(string Tone, string Word, IReadOnlyList<SentencePart> Parts, IReadOnlyList<SentenceProblem> Problems)
{
    /// <summary>Its look as a badge.</summary>
    public StatusLook Look => new(Tone, Tone switch { "good" => "check", "warn" => "alert", _ => "x" }, Word);

    /// <summary>Says it.</summary>
    /// <param name="state">What can be restored now.</param>
    /// <param name="figures">What was measured and proven.</param>
    /// <param name="standing">What is wrong now.</param>
    public static RecoverySentence Of(RecoveryState state, RecoveryFigures figures, IReadOnlyList<StandingProblem> standing)
    {
        if (!state.Configured)
        {
            return new("bad", "No backups", [new("No backups are taken: there is no repository")], []);
        }

        if (state.Problem is { } problem)
        {
            return new("bad", "Unknown", [new("The repository cannot be read, so what can be restored is not known")], [.. state.Problems.Append(problem).Distinct().Select(p => new SentenceProblem(p, true))]);
        }

        if (state.Ranges.Count == 0)
        {
            return new("bad", "Nothing yet", [new("Nothing can be restored yet: the first base backup and its log are not in the repository")], [.. state.Problems.Select(p => new SentenceProblem(p, true))]);
        }

        var late = state.LagSeconds > (long)RecoveryTargets.MostLoss.TotalSeconds;
        var unproven = figures.LastProofFailed || figures.FailedDrills.Count > 0;
        var gaps = state.Ranges.Count > 1 || state.Gaps.Count > 0;
        var damaged = state.LastCheckSound == false;
        var critical = standing.Any(p => p.Severity == AlertSeverity.Critical);
        // What the watch tells of is told in its words; it looks every minute, and what is seen before it has looked is told here.
        List<SentenceProblem> problems = [.. state.Problems.Select(p => new SentenceProblem(p, standing.Any(s => s.Title == p && s.Severity == AlertSeverity.Critical)))];
        if (problems.Count == 0)
        {
            Add(damaged, "The last look at the repository found damage.", isBad: true);
            Add(late, $"The last {TimeSpanWords.Words(TimeSpan.FromSeconds(state.LagSeconds ?? 0))} are not in the repository.", isBad: true);
            Add(gaps, "Log is missing in between, and those moments cannot be restored.");
        }

        Add(figures.LastProofFailed, "The last restore that was tried was not found sound.", isBad: true);
        Add(figures.FailedDrills.Count > 0, $"A drill has failed: {string.Join(", ", figures.FailedDrills.Select(RecoveryWords.Of))}.", isBad: true);
        Add(state.BesideData, "The repository is on the data's own disk and is lost with it.");
        Add(figures.ProvenAt is null, "No restore has been tried yet.");
        Add(state.LastCheckAt is null, "What is in the repository has not been read back yet.");
        List<SentencePart> parts =
        [
            new(gaps ? "Restorable, but for gaps, to any second from " : "Restorable to any second from "), new(null, state.Ranges[0].From), new(" to "), new(null, state.Ranges[^1].To),
            .. figures.ProvenAt is { } proven ? (SentencePart[])[new("; last proven "), new(null, proven, "ago")] : [new("; never proven")],
        ];
        return new(
            damaged || late || critical || unproven ? "bad" : problems.Count > 0 ? "warn" : "good",
            damaged ? "Damaged" : late ? "Behind" : critical ? "Failing" : unproven ? "Drill failed" : gaps ? "With gaps" : figures.ProvenAt is null ? "Not proven" : state.BesideData ? "On one disk"
            : state.LastCheckAt is null ? "Not read back" : problems.Count > 0 ? "Look at this" : "Restorable",
            parts, problems);

        void Add(bool isSo, string sentence, bool isBad = false)
        {
            if (isSo)
            {
                problems.Add(new SentenceProblem(sentence, isBad));
            }
        }
    }
}
