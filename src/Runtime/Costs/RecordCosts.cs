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
    public async Task<int> AppendAsync(UnitOfWork unit, IReadOnlyList<CostEvent> events, CancellationToken cancellationToken) =>
        (await AppendTogetherAsync([new CostRecording(unit, events, UnitOfWork.CurrentCorrelation)], cancellationToken))[0];

    /// <summary>Appends the costs of calls that have nothing to do with one another, and tells of each.</summary>
    /// <param name="unit">The transaction: if it is rolled back, nothing was recorded.</param>
    /// <param name="events">Each with the trace that it is part of; of two with one id the first counts.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task AppendEachAsync(UnitOfWork unit, IReadOnlyList<(CostEvent Cost, Guid? Correlation)> events, CancellationToken cancellationToken) =>
        AppendTogetherAsync([.. events.Select(e => new CostRecording(unit, [e.Cost], e.Correlation))], cancellationToken);

    /// <summary>Appends what several callers record, in one transaction and one statement, and tells of each caller's once.</summary>
    /// <param name="recordings">All on one connection. Of two events with one id the first counts, whoever's it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>How many of each caller's were new.</returns>
    public async Task<int[]> AppendTogetherAsync(IReadOnlyList<CostRecording> recordings, CancellationToken cancellationToken)
    {
        var counts = new int[recordings.Count];
        var seen = new HashSet<Guid>();
        var once = recordings.Select(r => r.Events.Where(e => seen.Add(e.EventId)).ToList()).ToList();
        var all = once.SelectMany(e => e).ToList();
        if (all.Count == 0)
        {
            return counts;
        }

        var unit = recordings[0].Unit;
        await HoldCorrectedAsync(unit, all, cancellationToken);
        var (fresh, anyBudget) = await InsertAsync(unit, all, cancellationToken);
        for (var i = 0; i < counts.Length; i++)
        {
            once[i].RemoveAll(e => !fresh.Contains(e.EventId));
            counts[i] = once[i].Count;
            if (counts[i] > 0)
            {
                Tell(recordings[i].Unit, once[i], recordings[i].Correlation);
            }
        }

        await breakers.CountAsync(unit, [.. once.SelectMany(e => e)], cancellationToken);
        if (anyBudget)
        {
            // A breach is told of in the name of whoever reached it.
            foreach (var ofOne in Enumerable.Range(0, counts.Length).Where(i => counts[i] > 0).GroupBy(i => recordings[i].Unit.Caller.ActorId))
            {
                await budgets.ChargeAsync(recordings[ofOne.First()].Unit, [.. ofOne.SelectMany(i => once[i])], cancellationToken);
            }
        }

        return counts;
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

    private async Task<(HashSet<Guid> Fresh, bool AnyBudget)> InsertAsync(UnitOfWork unit, List<CostEvent> events, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(unit.Connection);
        CostEventRows.AddTo(batch, events, environment.Name);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(BudgetLedger.AnyStatement));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var fresh = new HashSet<Guid>(events.Count);
        while (await reader.ReadAsync(cancellationToken))
        {
            fresh.Add(reader.GetGuid(0));
        }

        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (fresh, reader.GetBoolean(0));
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

/// <summary>What one caller records.</summary>
/// <param name="Unit">In whose name and transaction.</param>
/// <param name="Events">Any number.</param>
/// <param name="Correlation">The trace that it is part of.</param>
public sealed record CostRecording(UnitOfWork Unit, IReadOnlyList<CostEvent> Events, Guid? Correlation);
