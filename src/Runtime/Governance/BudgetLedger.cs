using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Governance;
using ControlCenter.Runtime.Commands;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Governance;

/// <summary>The counters of budgets: kept in the transaction in which a cost is recorded, and never summed anew.</summary>
public sealed class BudgetLedger(BudgetBreaches breaches)
{
    /// <summary>
    /// Adds costs that have just been recorded to every budget in scope, each in the period in which it arose, and tells of a
    /// limit that is reached in the period that is now.
    /// </summary>
    /// <param name="unit">The transaction that records them.</param>
    /// <param name="newlyRecorded">Costs that were not there before: the caller has seen to it that none counts twice.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task ChargeAsync(UnitOfWork unit, IReadOnlyList<CostEvent> newlyRecorded, CancellationToken cancellationToken)
    {
        var reached = await AddAsync(unit, newlyRecorded, cancellationToken);
        foreach (var (budget, start, overSoft, overHard) in reached)
        {
            if (overSoft)
            {
                await BudgetBreaches.TellSoftLimitAsync(unit, budget, start, cancellationToken);
            }

            if (overHard)
            {
                await breaches.OpenAsync(unit, new Breach(budget, start), WorkOf(newlyRecorded), cancellationToken);
            }
        }
    }

    // Whose work was paid for: the first that a lease can be found for is the one that is asked about.
    private static IReadOnlyList<Attribution> WorkOf(IReadOnlyList<CostEvent> costs) =>
        [.. costs.Select(c => c.Attribution).Where(a => a.TaskId is not null).DistinctBy(a => a.TaskId)];

    private static async Task<List<(Guid Budget, DateTimeOffset Start, bool OverSoft, bool OverHard)>> AddAsync(
        UnitOfWork unit, IReadOnlyList<CostEvent> costs, CancellationToken cancellationToken)
    {
        var lines = costs.SelectMany(c => BudgetTarget.Of(c.Attribution, c.ModuleId, c.Provider).Select(t => (Cost: c, Target: t))).ToList();
        await using var command = unit.Command("select budget, start, over_soft, over_hard from budget_charge(@ats, @scopes, @ids, @amounts, @currencies)");
        command.Parameters.AddWithValue("ats", lines.ConvertAll(l => l.Cost.At.UtcDateTime).ToArray());
        command.Parameters.AddWithValue("scopes", lines.ConvertAll(l => l.Target.Wire).ToArray());
        command.Parameters.AddWithValue("ids", lines.ConvertAll(l => l.Target.Id).ToArray());
        command.Parameters.AddWithValue("amounts", NpgsqlDbType.Array | NpgsqlDbType.Numeric, lines.ConvertAll(l => l.Cost.BilledCost ?? l.Cost.EstimatedCost).ToArray());
        command.Parameters.AddWithValue("currencies", NpgsqlDbType.Array | NpgsqlDbType.Text, lines.ConvertAll(l => l.Cost.Currency).ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var reached = new List<(Guid, DateTimeOffset, bool, bool)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            reached.Add((reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1), !reader.IsDBNull(2) && reader.GetBoolean(2), reader.GetBoolean(3)));
        }

        return reached;
    }
}
