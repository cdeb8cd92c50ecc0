using ControlCenter.Domain.Access;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Models;

/// <summary>The breakers, one of each module that can be called.</summary>
public sealed record BreakerList(IReadOnlyList<BreakerView> Items, string? NextCursor);

/// <summary>Reads breakers.</summary>
public sealed class BreakerQueries(ModelCatalogue catalogue, Breakers breakers)
{
    /// <summary>All of them.</summary>
    public BreakerList List() => new([.. catalogue.Current.Modules.Select(breakers.View)], null);

    /// <summary>One of them.</summary>
    public BreakerView? Find(string id) => catalogue.Current.Modules.FirstOrDefault(m => Breakers.IdOf(m) == id) is { } module ? breakers.View(module) : null;
}

/// <summary>Lets calls of a module pass again at once: on the record, and on every host.</summary>
public sealed class ResetBreaker(Transactions transactions, Breakers breakers, BreakerQueries queries, TimeProvider time)
{
    /// <summary>Resets one.</summary>
    public async Task<Outcome<BreakerView>> ExecuteAsync(string id, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageModels);
        var outcome = await transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var before = queries.Find(id) ?? throw new NotFoundException("breaker", id);
            await KeepBreakers.WriteAsync(unit, id, BreakerState.Closed, 0, null, ct);
            await AuditLog.WriteAsync(unit, time, "breaker.reset", id, new { before.State, before.Failures }, ct);
            unit.Record(CatalogueEvents.BreakerReset, ("breaker", id), new { BreakerId = id, before.Provider, before.Module, before.State, By = unit.Caller.Name });
            return before with { State = BreakerState.Closed, Health = ModuleHealth.Healthy, Failures = 0, OpenUntil = null, ThrottledUntil = null };
        }, cancellationToken);
        if (outcome.Replayed is null)
        {
            breakers.Reset(id);
        }

        return outcome;
    }
}
