using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Models;

/// <summary>Which uses are to be reckoned anew.</summary>
/// <param name="Module">Only this module's; all modules' if null.</param>
/// <param name="Cursor">Where an earlier batch ended (<see cref="RepricedBatch.NextCursor"/>); from the beginning if null.</param>
public sealed record RepriceRequest(string? Module = null, string? Cursor = null);

/// <summary>What repricing would book.</summary>
/// <param name="Items">By module, month and currency, the oldest first.</param>
/// <param name="Uses">How many uses.</param>
/// <param name="LeftAlone">How many more have another price by now, but an invoice or a correction by hand has the last word on them.</param>
public sealed record RepricePreview(IReadOnlyList<RepricedMonth> Items, long Uses, long LeftAlone);

/// <summary>What one batch booked.</summary>
/// <param name="Uses">How many uses were repriced.</param>
/// <param name="Entries">How many entries that took.</param>
/// <param name="Differences">What they add up to, by currency.</param>
/// <param name="NextCursor">Where the next batch begins; null when there is no more.</param>
public sealed record RepricedBatch(int Uses, int Entries, IReadOnlyList<CurrencyAmount> Differences, string? NextCursor);

/// <summary>An amount.</summary>
public sealed record CurrencyAmount(string Currency, decimal Amount);

/// <summary>
/// Reckons recorded uses anew when a price was corrected (CO-07): says first what would change, then books the differences as
/// entries of their own, a batch at a time. What is at its price already has no difference, so that a batch that is run again books nothing.
/// </summary>
public sealed class RepriceCosts(NpgsqlDataSource database, Transactions transactions, PricedUses uses, RecordCosts record, TimeProvider time)
{
    /// <summary>So many uses in one transaction: budgets' counters are held while it lasts.</summary>
    public const int MostAtOnce = 500;

    /// <summary>What would be booked, by module and month; changes nothing. Looks at every use of a module that has a price.</summary>
    public async Task<RepricePreview> PreviewAsync(string? module, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageCosts);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var prices = await PricesAsync(connection, module, cancellationToken);
        var months = new Dictionary<(string Module, DateTimeOffset Month, string Currency), RepricedMonth>();
        long count = 0, leftAlone = 0;
        await foreach (var found in uses.FindAsync(connection, prices, null, null, cancellationToken))
        {
            var entries = EntriesOf(found, Actor.HostId);
            if (entries.Count == 0)
            {
                continue;
            }

            if (found.IsLeftAlone)
            {
                leftAlone++;
                continue;
            }

            count++;
            foreach (var entry in entries)
            {
                var key = (found.Price.Module, RollupGrain.Month.StartOf(entry.At), entry.Currency!);
                var before = found.Use.Counted.GetValueOrDefault(entry.Currency!);
                var sum = months.GetValueOrDefault(key) ?? new RepricedMonth(key.Module, key.Item2, key.Item3, 0, 0, 0, 0);
                months[key] = sum with
                {
                    Uses = sum.Uses + 1,
                    MadeKnown = sum.MadeKnown + (found.Use.IsKnown ? 0 : 1),
                    Before = Money.Plain(sum.Before + before),
                    After = Money.Plain(sum.After + before + entry.EstimatedCost!.Value),
                };
            }
        }

        return new RepricePreview([.. months.OrderBy(m => m.Key.Month).ThenBy(m => m.Key.Module, StringComparer.Ordinal).ThenBy(m => m.Key.Currency, StringComparer.Ordinal).Select(m => m.Value)], count, leftAlone);
    }

    /// <summary>Books a batch.</summary>
    /// <exception cref="ValidationException">The cursor is none.</exception>
    public Task<Outcome<RepricedBatch>> ExecuteAsync(RepriceRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageCosts);
        var after = new PageRequest(MostAtOnce, request.Cursor).AfterPlace;
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            // Prices stand still, and nobody else reprices; an invoice that is being imported is in the books before, or sees what is booked here.
            await CatalogueEntries.LockAsync(unit, ct);
            await unit.ExecuteAsync("lock table invoices in share mode", ct);
            var prices = await PricesAsync(unit.Connection, request.Module, ct);
            var found = new List<MispricedUse>();
            await foreach (var use in uses.FindAsync(unit.Connection, prices, after, MostAtOnce + 1, ct))
            {
                found.Add(use);
            }

            var page = new PageRequest(MostAtOnce).PageOf(found, f => new PlaceInTime(f.Use.Use.At, f.Use.Use.EventId));
            var booked = page.Items.Where(f => !f.IsLeftAlone).Select(f => EntriesOf(f, unit.Caller.ActorId)).Where(e => e.Count > 0).ToList();
            var entries = booked.SelectMany(e => e).ToList();
            await record.AppendAsync(unit, entries, ct);
            var batch = new RepricedBatch(
                booked.Count, entries.Count,
                [.. entries.GroupBy(e => e.Currency!, StringComparer.Ordinal).Select(g => new CurrencyAmount(g.Key, Money.Plain(g.Sum(e => e.EstimatedCost!.Value))))], page.NextCursor);
            if (entries.Count > 0)
            {
                var told = new { batch.Uses, batch.Entries, batch.Differences, Modules = entries.Select(e => e.ModuleId).Distinct(StringComparer.Ordinal), By = unit.Caller.Name };
                await AuditLog.WriteAsync(unit, time, "costs.repriced", null, told, ct);
                unit.Record("cost.repriced", ("catalogue", ""), told);
            }

            return batch;
        }, cancellationToken);
    }

    private IReadOnlyList<CostEvent> EntriesOf(MispricedUse found, Guid actor) => Repricing.Entries(found.Use, found.Price, actor, () => Uuid7.New(time));

    // From the database and not from memory: a price that was corrected a moment ago, on another host, is in it.
    private static async Task<IReadOnlyList<PriceInForce>> PricesAsync(NpgsqlConnection connection, string? module, CancellationToken cancellationToken)
    {
        var known = await CatalogueEntries.ReadAsync(connection, cancellationToken);
        var modules = known.Modules!.Select(m => m.Id).Where(id => module is null || id == module).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. known.Prices!.Where(p => modules.Contains(p.Module)).GroupBy(p => p.Module, StringComparer.Ordinal).SelectMany(g =>
            {
                var ordered = g.OrderBy(p => p.EffectiveFrom).ToList();
                return ordered.Select((p, i) => new PriceInForce(p, i + 1 < ordered.Count ? ordered[i + 1].EffectiveFrom : null));
            }),
        ];
    }
}
