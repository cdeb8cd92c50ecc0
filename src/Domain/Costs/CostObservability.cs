using System.Globalization;

namespace ControlCenter.Domain.Costs;

/// <summary>What must be known of a task before its costs can be governed (blueprint 8.14.4).</summary>
public enum CostQuestion
{
    /// <summary>Which modules were used.</summary>
    Modules,

    /// <summary>By which runtime or surface.</summary>
    Runtime,

    /// <summary>For which task and ticket.</summary>
    Work,

    /// <summary>With what estimated or billed cost.</summary>
    Cost,

    /// <summary>With what latency and retries.</summary>
    Profile,
}

/// <summary>What was seen of a task's costs. All of them are counts, none below zero.</summary>
/// <param name="Holders">Agents that have held the task.</param>
/// <param name="HoldersWithoutUse">Those of them of which no use was recorded.</param>
/// <param name="Uses">Uses of modules that were recorded for it.</param>
/// <param name="WithoutModule">Uses that name no module.</param>
/// <param name="WithoutRuntime">Uses that name neither an agent nor a surface.</param>
/// <param name="WithoutTicket">Uses that name no ticket.</param>
/// <param name="WithoutCost">Uses of which nobody knows the cost.</param>
/// <param name="WithoutLatency">Uses that do not say how long they took.</param>
public sealed record CostEvidence(
    int Holders, int HoldersWithoutUse, long Uses, long WithoutModule, long WithoutRuntime, long WithoutTicket, long WithoutCost, long WithoutLatency);

/// <summary>One of the questions.</summary>
/// <param name="Question">Which.</param>
/// <param name="Answered">Whether there is nothing that its answer leaves out.</param>
/// <param name="Gaps">What it leaves out, in words.</param>
public sealed record CostAnswer(CostQuestion Question, bool Answered, IReadOnlyList<string> Gaps);

/// <summary>Whether the five questions can be answered of a task (CO-12).</summary>
public static class CostObservability
{
    /// <summary>Every question with its gaps; none where nobody has worked yet, so that there is nothing to know.</summary>
    public static IReadOnlyList<CostAnswer> Of(CostEvidence seen)
    {
        if (seen is { Uses: 0, Holders: 0 })
        {
            return [];
        }

        if (seen.Uses == 0)
        {
            // Whether nothing was used or nothing was metered cannot be told apart.
            var nothing = $"{Agents(seen.Holders)} held the task, and no use of a module was recorded";
            return [.. Enum.GetValues<CostQuestion>().Select(q => new CostAnswer(q, false, q == CostQuestion.Modules ? [nothing] : ["no use was recorded"]))];
        }

        var silent = seen.HoldersWithoutUse == 0 ? null : $"no use was recorded of {seen.HoldersWithoutUse.ToString(CultureInfo.InvariantCulture)} of the {Agents(seen.Holders)} that held it";
        return
        [
            Answer(CostQuestion.Modules, Part(seen.WithoutModule, seen.Uses, "no module"), silent),
            Answer(CostQuestion.Runtime, Part(seen.WithoutRuntime, seen.Uses, "neither agent nor surface")),
            Answer(CostQuestion.Work, Part(seen.WithoutTicket, seen.Uses, "no ticket")),
            Answer(CostQuestion.Cost, Part(seen.WithoutCost, seen.Uses, "no cost")),
            Answer(CostQuestion.Profile, Part(seen.WithoutLatency, seen.Uses, "no latency")),
        ];
    }

    /// <summary>Whether all of them are answered; null where nobody has worked yet.</summary>
    public static bool? IsObservable(IReadOnlyList<CostAnswer> answers) => answers.Count == 0 ? null : answers.All(a => a.Answered);

    private static CostAnswer Answer(CostQuestion question, params string?[] gaps)
    {
        var found = gaps.OfType<string>().ToList();
        return new CostAnswer(question, found.Count == 0, found);
    }

    private static string? Part(long without, long uses, string what) =>
        without == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{without:#,0} of {uses:#,0} uses {(without == 1 ? "has" : "have")} {what}");

    private static string Agents(int count) => count == 1 ? "1 agent" : string.Create(CultureInfo.InvariantCulture, $"{count:#,0} agents");
}
