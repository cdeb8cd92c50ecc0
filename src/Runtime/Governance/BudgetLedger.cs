using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Governance;
using ControlCenter.Runtime.Commands;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Governance;

/// <summary>The counters of budgets: kept in the transaction in which a cost is recorded, and never summed anew.</summary>
public sealed class BudgetLedger(BudgetBreaches breaches)
{
    /// <summary>Whether there is any budget to charge: a recorder asks it in its own round trip and saves one where there is none.</summary>
    internal const string AnyStatement = "select exists (select from budgets where deleted_at is null)";

    // The same as in ReserveSpend: what a sub-agent spends counts for those above it.
    private const string Charge =
        """
        with lines as (
            select * from unnest(@ats, @scopes, @ids, @amounts, @currencies, @resolving) l (at, scope, scope_id, amount, currency, resolves)
            union all
            select l.at, 'agent', a.id::text, l.amount, l.currency, l.resolves
            from unnest(@ats, @scopes, @ids, @amounts, @currencies, @resolving) l (at, scope, scope_id, amount, currency, resolves)
            cross join lateral agent_ancestors(case when l.scope = 'agent' then l.scope_id::uuid end) a (id))
        select c.budget, c.start, c.over_soft, c.over_hard
        from (
            select array_agg(at) as ats, array_agg(scope) as scopes, array_agg(scope_id) as ids, array_agg(amount) as amounts,
                array_agg(currency) as currencies, array_agg(resolves) as resolving from lines) l
        cross join lateral budget_charge(l.ats, l.scopes, l.ids, l.amounts, l.currencies, l.resolving) c
        """;

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
        var resolved = await ResolvedAsync(unit, costs, cancellationToken);
        var lines = costs.Select(c => (Cost: c, c.At, Resolves: false))
            .Concat(costs.Where(c => resolved.ContainsKey(c.EventId)).Select(c => (Cost: c, At: resolved[c.EventId], Resolves: true)))
            .SelectMany(l => BudgetTarget.Of(l.Cost.Attribution, l.Cost.ModuleId, l.Cost.Provider).Select(t => (l.Cost, l.At, l.Resolves, Target: t)))
            .ToList();
        await using var command = unit.Command(Charge);
        command.Parameters.AddWithValue("ats", lines.ConvertAll(l => l.At.UtcDateTime).ToArray());
        command.Parameters.AddWithValue("scopes", lines.ConvertAll(l => l.Target.Wire).ToArray());
        command.Parameters.AddWithValue("ids", lines.ConvertAll(l => l.Target.Id).ToArray());
        command.Parameters.AddWithValue("amounts", NpgsqlDbType.Array | NpgsqlDbType.Numeric, lines.ConvertAll(l => l.Cost.BilledCost ?? l.Cost.EstimatedCost).ToArray());
        command.Parameters.AddWithValue("currencies", NpgsqlDbType.Array | NpgsqlDbType.Text, lines.ConvertAll(l => l.Cost.Currency).ToArray());
        command.Parameters.AddWithValue("resolving", lines.ConvertAll(l => l.Resolves).ToArray());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var reached = new List<(Guid, DateTimeOffset, bool, bool)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            reached.Add((reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1), !reader.IsDBNull(2) && reader.GetBoolean(2), reader.GetBoolean(3)));
        }

        return reached;
    }

    // When the unknown costs arose that one of these has made known.
    private static async Task<Dictionary<Guid, DateTimeOffset>> ResolvedAsync(UnitOfWork unit, IReadOnlyList<CostEvent> costs, CancellationToken cancellationToken)
    {
        var resolved = new Dictionary<Guid, DateTimeOffset>();
        var corrections = costs.Where(c => c.Corrects is not null).ToList();
        if (corrections.Count == 0)
        {
            return resolved;
        }

        await using var command = unit.Command(
            """
            select e.event_id, o.at
            from unnest(@ids, @ats) c (event_id, at)
            join cost_events e on e.event_id = c.event_id and e.at = c.at and e.resolves_unknown
            join cost_event_ids o on o.event_id = e.corrects
            """,
            ("ids", corrections.ConvertAll(c => c.EventId).ToArray()), ("ats", corrections.ConvertAll(c => c.At.UtcDateTime).ToArray()));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            resolved[reader.GetGuid(0)] = reader.GetFieldValue<DateTimeOffset>(1);
        }

        return resolved;
    }
}
