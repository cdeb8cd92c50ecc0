using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Jobs;

namespace ControlCenter.Dashboard.Jobs;

/// <summary>A run as a bar.</summary>
/// <param name="Run">The run.</param>
/// <param name="Height">In percent of the height that there is; at least so much that it can be seen.</param>
public readonly record struct DurationBar(JobRunBrief Run, double Height);

/// <summary>How long runs took, as bars, the oldest first: the longest is as high as there is room.</summary>
internal static class DurationBars
{
    private const double Least = 12;

    /// <summary>Makes them.</summary>
    /// <param name="newestFirst">The runs.</param>
    public static IReadOnlyList<DurationBar> Of(IReadOnlyList<JobRunBrief> newestFirst)
    {
        var longest = newestFirst.Max(r => r.Seconds) ?? 0;
        return [.. newestFirst.Reverse().Select(r => new DurationBar(r, HeightOf(r, longest)))];
    }

    private static double HeightOf(JobRunBrief run, double longest) =>
        run.State == JobRunState.Running ? 100
        : run.Seconds is not { } seconds || longest <= 0 ? Least
        : Math.Max(Least, Math.Round(seconds / longest * 100, 1));
}
