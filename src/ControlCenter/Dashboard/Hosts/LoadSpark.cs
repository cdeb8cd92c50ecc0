using System.Globalization;
using ControlCenter.Runtime.Hosts;

namespace ControlCenter.Dashboard.Hosts;

/// <summary>The last day of a host as a line in a box of 240 by 40: pure, so that it can be tested without a browser.</summary>
public static class LoadSpark
{
    /// <summary>The box.</summary>
    public const int Width = 240, Height = 40;

    /// <summary>The path of a share over time, oldest first; a gap of more than a quarter of an hour is a gap in the line. Empty for fewer than two samples.</summary>
    /// <param name="samples">In order of time.</param>
    /// <param name="share">0 to 1.</param>
    public static string Path(IReadOnlyList<HostSample> samples, Func<HostSample, decimal> share)
    {
        if (samples.Count < 2)
        {
            return "";
        }

        var (from, span) = (samples[0].At, Math.Max(1, (samples[^1].At - samples[0].At).TotalSeconds));
        return string.Join(' ', samples.Select((s, i) =>
        {
            var x = (s.At - from).TotalSeconds / span * Width;
            var y = Height - (double)Math.Clamp(share(s), 0, 1) * Height;
            var moves = i == 0 || s.At - samples[i - 1].At > TimeSpan.FromMinutes(15);
            return string.Create(CultureInfo.InvariantCulture, $"{(moves ? 'M' : 'L')}{x:0.#} {y:0.#}");
        }));
    }
}
