using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Governance;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>Which environment (PRD, TST, DEV, LOC) this host's costs arise in.</summary>
public sealed record CostEnvironment(string Name);

/// <summary>Records costs in the transaction of whatever caused them: an event that is there already counts once (CO-01).</summary>
public sealed class RecordCosts(CostEnvironment environment, BudgetLedger budgets, SpendBreakers breakers)
{
    /// <summary>Appends the events whose id is new, has them rolled up, and tells of them once. Returns how many were new.</summary>
    /// <param name="unit">The transaction: if it is rolled back, nothing was recorded.</param>
    /// <param name="events">Any number; of two with one id the first counts.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<int> AppendAsync(UnitOfWork unit, IReadOnlyList<CostEvent> events, CancellationToken cancellationToken)
    {
        var recorded = await WriteAsync(unit, events, cancellationToken);
        if (recorded.Count > 0)
        {
            Tell(unit, recorded, UnitOfWork.CurrentCorrelation);
        }

        return recorded.Count;
    }

    /// <summary>Appends the costs of calls that have nothing to do with one another, and tells of each.</summary>
    /// <param name="unit">The transaction: if it is rolled back, nothing was recorded.</param>
    /// <param name="events">Each with the trace that it is part of; of two with one id the first counts.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task AppendEachAsync(UnitOfWork unit, IReadOnlyList<(CostEvent Cost, Guid? Correlation)> events, CancellationToken cancellationToken)
    {
        var traces = events.DistinctBy(e => e.Cost.EventId).ToDictionary(e => e.Cost.EventId, e => e.Correlation);
        foreach (var cost in await WriteAsync(unit, [.. events.Select(e => e.Cost)], cancellationToken))
        {
            Tell(unit, [cost], traces[cost.EventId]);
        }
    }

    private async Task<List<CostEvent>> WriteAsync(UnitOfWork unit, IReadOnlyList<CostEvent> events, CancellationToken cancellationToken)
    {
        var once = events.DistinctBy(e => e.EventId).ToList();
        if (once.Count == 0)
        {
            return once;
        }

        await HoldCorrectedAsync(unit, once, cancellationToken);
        var fresh = await InsertAsync(unit, once, cancellationToken);
        var recorded = once.FindAll(e => fresh.Contains(e.EventId));
        if (recorded.Count > 0)
        {
            await budgets.ChargeAsync(unit, recorded, cancellationToken);
            await breakers.CountAsync(unit, recorded, cancellationToken);
        }

        return recorded;
    }

    // Two corrections of one event at once must not both take it out of the unknown: the second waits for the first.
    private static async Task HoldCorrectedAsync(UnitOfWork unit, List<CostEvent> events, CancellationToken cancellationToken)
    {
        var corrected = events.Where(e => e.Corrects is not null).Select(e => e.Corrects!.Value).Distinct().Order().ToArray();
        if (corrected.Length > 0)
        {
            await unit.ExecuteAsync("select from cost_event_ids where event_id = any(@ids) order by event_id for update", cancellationToken, ("ids", corrected));
        }
    }

    private async Task<HashSet<Guid>> InsertAsync(UnitOfWork unit, List<CostEvent> events, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(unit.Connection);
        CostEventRows.AddTo(batch, events, environment.Name);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var fresh = new HashSet<Guid>(events.Count);
        while (await reader.ReadAsync(cancellationToken))
        {
            fresh.Add(reader.GetGuid(0));
        }

        return fresh;
    }

    // One event a call of this, not one a cost: a batch of 500 is one thing that happened.
    private static void Tell(UnitOfWork unit, List<CostEvent> recorded, Guid? correlation)
    {
        var only = recorded.Count == 1 ? recorded[0] : null;
        unit.Record(
            "cost.recorded",
            ("cost_event", only?.EventId.ToString() ?? ""),
            new
            {
                Events = recorded.Count,
                Unknown = recorded.Count(e => e.Knowledge == CostKnowledge.Unknown && e.IsUse),
                Costs = recorded.Where(e => e.Currency is not null).GroupBy(e => e.Currency, StringComparer.Ordinal)
                    .Select(g => new { Currency = g.Key, Amount = g.Sum(e => e.BilledCost ?? e.EstimatedCost ?? 0) }),
                AgentId = Same(recorded, e => e.Attribution.AgentId),
                only?.ModuleId,
                only?.Provider,
                only?.End,
            },
            Same(recorded, e => e.Attribution.TicketId),
            Same(recorded, e => e.Attribution.TaskId),
            correlation);
    }

    private static Guid? Same(List<CostEvent> recorded, Func<CostEvent, Guid?> of)
    {
        var first = of(recorded[0]);
        return recorded.TrueForAll(e => of(e) == first) ? first : null;
    }
}
