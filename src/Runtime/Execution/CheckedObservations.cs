using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;

namespace ControlCenter.Runtime.Execution;

/// <summary>
/// What of a host's report can be kept. One observation that cannot be is no reason to refuse the others: their leases, and the host's own
/// life, hang on the report.
/// </summary>
/// <param name="Kept">The observations, with what could not be kept of them left out.</param>
/// <param name="Problems">What was left out and why, one sentence each; empty for a good report.</param>
internal sealed record CheckedObservations(IReadOnlyList<RuntimeObservation> Kept, IReadOnlyList<string> Problems)
{
    /// <summary>More runtimes than this no host has: beyond it a report is read no further.</summary>
    public const int MostRuntimes = 1000;

    private const decimal MostCpuPercent = 10_000_000;

    /// <summary>Looks at all of them.</summary>
    public static CheckedObservations Of(IReadOnlyList<RuntimeObservation> reported)
    {
        var (kept, problems) = (new Dictionary<Guid, RuntimeObservation>(), new List<string>());
        foreach (var seen in reported.Take(MostRuntimes))
        {
            if (seen.Phase == RuntimePhase.Requested)
            {
                problems.Add($"Runtime {seen.RuntimeId} is 'requested': a host has it from 'granted' on. It was passed over.");
            }
            else if (!kept.TryAdd(seen.RuntimeId, Clean(seen, problems)))
            {
                problems.Add($"Runtime {seen.RuntimeId} stands twice; the first counts.");
            }
        }

        if (reported.Count > MostRuntimes)
        {
            problems.Add($"{reported.Count} runtimes were reported; the first {MostRuntimes} count.");
        }

        return new CheckedObservations([.. kept.Values], problems);
    }

    private static RuntimeObservation Clean(RuntimeObservation seen, List<string> problems)
    {
        var before = problems.Count;
        var clean = seen with
        {
            MemoryMb = NotBelowZero("memory_mb", seen.MemoryMb),
            PeakMemoryMb = NotBelowZero("peak_memory_mb", seen.PeakMemoryMb),
            CpuPercent = seen.CpuPercent is < 0 or > MostCpuPercent ? Left<decimal>("cpu_percent", $"is {seen.CpuPercent}") : seen.CpuPercent,
            OutputLines = NotBelowZero<long>("output_lines", seen.OutputLines) ?? 0,
            DroppedLines = NotBelowZero<long>("dropped_lines", seen.DroppedLines) ?? 0,
            Turns = NotBelowZero<int>("turns", seen.Turns) ?? 0,
            RepeatedCalls = NotBelowZero<int>("repeated_calls", seen.RepeatedCalls) ?? 0,
            NativeSessionId = Named("native_session_id", seen.NativeSessionId),
            Signature = Named("signature", seen.Signature),
            LastTool = Text("last_tool", seen.LastTool),
            Detail = Text("detail", seen.Detail),
        };
        return problems.Count == before ? seen : clean;

        T? NotBelowZero<T>(string field, T? value) where T : struct, System.Numerics.INumber<T> =>
            value is { } given && given < T.Zero ? Left<T>(field, $"is {given}") : value;

        // A name that was cut would be another one's.
        string? Named(string field, string? name)
        {
            if (TextRules.OptionalName(name) is { } problem)
            {
                Say(field, problem);
                return null;
            }

            return name;
        }

        // What is told in words is worth having without its end.
        string? Text(string field, string? text)
        {
            if (text is null || TextRules.OptionalLongText(text) is not { } problem)
            {
                return text;
            }

            Say(field, problem);
            var beginning = text.Length > TextRules.LongestText ? text[..(TextRules.LongestText - 1)] : text;
            return TextRules.Storable(beginning) is null ? beginning : null;
        }

        T? Left<T>(string field, string why) where T : struct
        {
            Say(field, why);
            return null;
        }

        void Say(string field, string why) => problems.Add($"Runtime {seen.RuntimeId}: {field} was left out: {why}");
    }
}
