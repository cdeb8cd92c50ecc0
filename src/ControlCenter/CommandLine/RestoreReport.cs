using System.Globalization;
using ControlCenter.Runtime.Recovery.Restore;

namespace ControlCenter.CommandLine;

/// <summary>What was restored and how it was judged, for a terminal.</summary>
internal static class RestoreReport
{
    /// <summary>Writes it.</summary>
    public static async Task WriteAsync(JudgedRestore restored, TextWriter output)
    {
        var (cluster, plan) = (restored.Cluster, restored.Cluster.Plan);
        await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture,
            $"Restored as of {plan.To.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff} UTC in {cluster.Took.TotalSeconds:0.#} s; the newest commit in it is of {(cluster.LastCommitAt ?? plan.Base.At).UtcDateTime:yyyy-MM-dd HH:mm:ss.fff} UTC."));
        foreach (var step in restored.Settled)
        {
            await output.WriteLineAsync($"  {step}");
        }

        foreach (var verdict in restored.Verdicts)
        {
            await output.WriteLineAsync($"{(verdict.Passed ? "ok    " : "FAILED")} {verdict.Sentence}{(verdict.Detail.Length > 0 ? $" ({verdict.Detail})" : "")}");
        }
    }
}
