using System.Globalization;

namespace ControlCenter.Domain.Execution;

/// <summary>A task that somebody is to be found for.</summary>
/// <param name="RequiredCapabilities">What it takes.</param>
/// <param name="Priority">0 to 4, 4 first.</param>
public sealed record TaskToAssign(IReadOnlyList<string> RequiredCapabilities, int Priority);

/// <summary>A definition of an agent, as one that might be started for a task.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Capabilities">What it can do.</param>
/// <param name="HostLabels">Which labels a host must have.</param>
/// <param name="Instances">How many of it may run at once.</param>
/// <param name="Running">How many do, or have been asked for.</param>
/// <param name="MemoryMb">What one of it takes, as measured; null where none was.</param>
/// <param name="Failures">How many of its runtimes have failed on this very task.</param>
/// <param name="ContinuesOn">It has a session of this task that was interrupted: the host that has it, by name; empty where that is not known; null for none.</param>
/// <param name="Price">What its model costs a million tokens out; null where it has none or that is not known.</param>
/// <param name="Unreachable">Why its models cannot be reached; null if one can.</param>
public sealed record DefinitionToAssign(
    string Name, IReadOnlyList<string> Capabilities, IReadOnlyList<string> HostLabels, int Instances, int Running, int? MemoryMb, int Failures,
    string? ContinuesOn, decimal? Price, string? Unreachable);

/// <summary>A host that might take a runtime.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Labels">Its labels.</param>
/// <param name="MemoryMb">What it has.</param>
/// <param name="UsedMb">What of it is in use, what was placed there and is not seen yet counted in.</param>
/// <param name="Runtimes">How many it runs.</param>
public sealed record HostToAssign(string Name, IReadOnlyList<string> Labels, int MemoryMb, int UsedMb, int Runtimes);

/// <summary>What speaks for a candidate and what against it.</summary>
/// <param name="Definition">Which agent would be started.</param>
/// <param name="Host">Where; null where no host can take it.</param>
/// <param name="Score">Higher is better; null where it cannot be.</param>
/// <param name="Reasons">In words.</param>
public sealed record AssignmentCandidate(string Definition, string? Host, decimal? Score, IReadOnlyList<string> Reasons);

/// <summary>Who is started for a task, and where: every candidate with its score and the reasons for it, the best first. No clock, no chance: the same in gives the same out.</summary>
public static class AssignmentScore
{
    /// <summary>Beyond this share of its memory a host is given nothing (AR-21): 85 %.</summary>
    public const decimal MostMemory = 0.85m;

    /// <summary>What an agent that was not measured yet is taken to need: about what a command-line agent does.</summary>
    public const int UnknownMemoryMb = 512;

    // What each is worth, of 100. Going on where one was beats everything that a price or some free memory can say;
    // two failures of the same agent on the same task weigh as much as that.
    private const decimal Fit = 40, Headroom = 20, Continuity = 30, Cost = 10, Failure = 15;

    // From here on a task is worth its price.
    private const int UrgentPriority = 3;

    /// <summary>Scores every pair of a definition and the host that suits it best.</summary>
    public static IReadOnlyList<AssignmentCandidate> Rank(
        TaskToAssign task, IReadOnlyList<DefinitionToAssign> definitions, IReadOnlyList<HostToAssign> hosts, AssignmentPolicy policy)
    {
        var able = definitions.Where(d => task.RequiredCapabilities.All(d.Capabilities.Contains)).ToArray();
        var dearest = able.Select(d => d.Price ?? 0).DefaultIfEmpty().Max();
        return [.. able.Select(d => Rate(task, d, hosts, policy, dearest))
            .OrderByDescending(c => c.Score ?? decimal.MinValue).ThenBy(c => c.Definition, StringComparer.Ordinal)];
    }

    /// <summary>The capabilities that nobody here has, where that is why there is no candidate.</summary>
    public static IReadOnlyList<string> Missing(TaskToAssign task, IEnumerable<IReadOnlyList<string>> known)
    {
        var all = known.SelectMany(c => c).ToHashSet(StringComparer.Ordinal);
        return [.. task.RequiredCapabilities.Where(c => !all.Contains(c))];
    }

    private static AssignmentCandidate Rate(TaskToAssign task, DefinitionToAssign definition, IReadOnlyList<HostToAssign> hosts, AssignmentPolicy policy, decimal dearest)
    {
        if (definition.Running >= definition.Instances)
        {
            return Refused(definition, definition.Instances == 1 ? "its one instance is busy" : $"all {definition.Instances} instances of it are busy");
        }

        if (definition.Unreachable is { } unreachable)
        {
            return Refused(definition, unreachable);
        }

        var places = hosts.OrderBy(h => h.Name, StringComparer.Ordinal).Select(h => (Host: h, Problem: ProblemOf(h, definition, policy))).ToArray();
        var free = places.Where(p => p.Problem is null).Select(p => p.Host).ToArray();
        if (free.Length == 0)
        {
            return Refused(definition, hosts.Count == 0 ? "no host is online" : string.Join("; ", places.Select(p => $"{p.Host.Name} {p.Problem}")));
        }

        // Where it has been before, if that has room; else where most is left.
        var host = free.FirstOrDefault(h => h.Name == definition.ContinuesOn)
            ?? free.OrderByDescending(h => LeftAfter(h, definition)).ThenBy(h => h.Runtimes).ThenBy(h => h.Name, StringComparer.Ordinal).First();
        var reasons = new List<string>();
        var score = FitOf(task, definition, reasons) + HeadroomOf(host, definition, reasons) + ContinuityOf(definition, host, reasons)
            + CostOf(task, definition, dearest, reasons) - FailuresOf(definition, reasons);
        return new AssignmentCandidate(definition.Name, host.Name, score, reasons);
    }

    private static AssignmentCandidate Refused(DefinitionToAssign definition, string why) => new(definition.Name, null, null, [why]);

    private static string? ProblemOf(HostToAssign host, DefinitionToAssign definition, AssignmentPolicy policy)
    {
        var missing = definition.HostLabels.Where(l => !host.Labels.Contains(l)).ToArray();
        return missing.Length > 0 ? $"has not the label {string.Join(", ", missing)}"
            : host.Runtimes >= policy.MostPerHost ? $"runs {policy.MostPerHost}, which is the most"
            : LeftAfter(host, definition) < 0 ? "has no memory for it below 85 %"
            : null;
    }

    // The share of a host's memory that is still allowed once it runs there.
    private static decimal LeftAfter(HostToAssign host, DefinitionToAssign definition) =>
        MostMemory - (host.UsedMb + (definition.MemoryMb ?? UnknownMemoryMb)) / (decimal)Math.Max(1, host.MemoryMb);

    private static decimal FitOf(TaskToAssign task, DefinitionToAssign definition, List<string> reasons)
    {
        // One that can do just this is kept for it; one that can do everything is kept for what nobody else can.
        var asked = task.RequiredCapabilities.Count;
        var share = definition.Capabilities.Count == 0 ? 1 : (asked + 1m) / (definition.Capabilities.Count + 1);
        var points = Math.Round(Fit * Math.Min(1, share), 1);
        reasons.Add(Told(points, asked == 0 ? "the task asks for nothing special" : $"can do {string.Join(", ", task.RequiredCapabilities)}{(share < 1 ? $" and {definition.Capabilities.Count - asked} more" : "")}"));
        return points;
    }

    private static decimal HeadroomOf(HostToAssign host, DefinitionToAssign definition, List<string> reasons)
    {
        var left = LeftAfter(host, definition);
        var points = Math.Round(Headroom * left / MostMemory, 1);
        reasons.Add(Told(points, string.Create(CultureInfo.InvariantCulture, $"{host.Name} has {left * 100:0} % of its memory left after it")));
        return points;
    }

    private static decimal ContinuityOf(DefinitionToAssign definition, HostToAssign host, List<string> reasons)
    {
        if (definition.ContinuesOn is not { } before)
        {
            return 0;
        }

        var points = before == host.Name ? Continuity : Continuity / 2;
        reasons.Add(Told(points, before == host.Name ? $"goes on with its own session, which is on {host.Name}" : "has begun this task before, elsewhere"));
        return points;
    }

    private static decimal CostOf(TaskToAssign task, DefinitionToAssign definition, decimal dearest, List<string> reasons)
    {
        if (dearest == 0 || task.Priority >= UrgentPriority)
        {
            return 0;
        }

        var points = Math.Round(Cost * (1 - (definition.Price ?? 0) / dearest), 1);
        reasons.Add(Told(points, definition.Price is { } price ? string.Create(CultureInfo.InvariantCulture, $"its model costs {price:0.##} a million tokens out") : "it has no model of a known price"));
        return points;
    }

    private static decimal FailuresOf(DefinitionToAssign definition, List<string> reasons)
    {
        if (definition.Failures == 0)
        {
            return 0;
        }

        var points = Failure * Math.Min(definition.Failures, 3);
        reasons.Add(Told(-points, definition.Failures == 1 ? "has failed on this task once" : $"has failed on this task {definition.Failures} times"));
        return points;
    }

    private static string Told(decimal points, string why) => string.Create(CultureInfo.InvariantCulture, $"{why} ({points:+0.#;-0.#;+0})");
}
