using ControlCenter.Domain.Models;
using ControlCenter.Runtime.Models;
using Npgsql;

namespace ControlCenter.Runtime.Orchestration;

/// <summary>Whether an agent's models can be reached just now: one that cannot think is not started.</summary>
public sealed class ModelReach(NpgsqlDataSource database, ModelCatalogue catalogue, Breakers breakers, TimeProvider time)
{
    private const string UsedUp = "select scope, scope_id from budgets_exhausted where scope in ('module', 'provider')";

    /// <summary>Looks at what is used up; the answers are good for as long as one look at all tasks takes.</summary>
    public async Task<Func<string?, (string? Problem, decimal? Price)>> LookAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(UsedUp);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var usedUp = new HashSet<(string, string)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            usedUp.Add((reader.GetString(0), reader.GetString(1)));
        }

        return route => route is null ? (null, null) : Look(route, usedUp);
    }

    private (string? Problem, decimal? Price) Look(string route, HashSet<(string, string)> usedUp)
    {
        var known = catalogue.Current;
        var modules = known.Candidates(route);
        if (modules.Count == 0)
        {
            return ($"its model route '{route}' is not in the catalogue", null);
        }

        var problems = modules.Select(m => (Module: m, Problem: ProblemOf(m, usedUp))).ToArray();
        return Array.Find(problems, p => p.Problem is null).Module is { } reached
            ? (null, known.PriceAt(reached.Id, time.GetUtcNow())?.Output)
            : ($"its model route '{route}' cannot be reached: {string.Join("; ", problems.Select(p => $"{p.Module.Id} {p.Problem}"))}", null);
    }

    private string? ProblemOf(Module module, HashSet<(string, string)> usedUp) =>
        module.HasEndedAt(time.GetUtcNow()) ? "was ended by its provider"
        : usedUp.Contains(("module", module.Id)) || usedUp.Contains(("provider", module.Provider)) ? "has used up its budget"
        : breakers.View(module).State == BreakerState.Open ? "fails, and is left alone for a while"
        : null;
}
