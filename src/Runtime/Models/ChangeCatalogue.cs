using ControlCenter.Domain.Access;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using Npgsql;

namespace ControlCenter.Runtime.Models;

/// <summary>An entry to take out of the catalogue.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Key">Which: its id, its alias, or for a price <c>module@effective_from</c>.</param>
public sealed record CatalogueRemoval(CatalogueKind Kind, string Key);

/// <summary>Entries to add or to replace, and entries to take out: all of it or nothing.</summary>
/// <param name="Providers">Who serves.</param>
/// <param name="Modules">What.</param>
/// <param name="Prices">For how much; a price from a new moment on leaves the older one in force until then.</param>
/// <param name="Routes">By which names.</param>
/// <param name="Remove">What goes.</param>
public sealed record ChangeCatalogueRequest(
    Provider[]? Providers = null, Module[]? Modules = null, Price[]? Prices = null, Route[]? Routes = null, CatalogueRemoval[]? Remove = null);

/// <summary>What a change came to.</summary>
/// <param name="Changed">How many entries have a new version; one that is as it was has none.</param>
public sealed record ChangedCatalogue(int Changed);

/// <summary>Changes what can be called, and for how much: on the record, and in force at once.</summary>
public sealed class ChangeCatalogue(Transactions transactions, LoadCatalogue load, TimeProvider time)
{
    private const int MostEntries = 1_000;

    /// <summary>Changes it.</summary>
    public async Task<Outcome<ChangedCatalogue>> ExecuteAsync(
        ChangeCatalogueRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageModels);
        var outcome = await transactions.RunAsync(
            caller, idempotency, async (unit, ct) => new ChangedCatalogue(await ApplyAsync(unit, request, "command", time, ct)), cancellationToken);
        await load.RefreshAsync(cancellationToken);
        return outcome;
    }

    /// <summary>Applies a change within a transaction, and says how many entries it changed.</summary>
    internal static async Task<int> ApplyAsync(UnitOfWork unit, ChangeCatalogueRequest request, string source, TimeProvider time, CancellationToken cancellationToken)
    {
        await CatalogueEntries.LockAsync(unit, cancellationToken);
        var before = await CatalogueEntries.ReadAsync(unit.Connection, cancellationToken);
        var removed = (request.Remove ?? []).Select(r => (r.Kind, r.Key)).ToHashSet();
        Check(before, request, removed);

        var known = EntriesOf(before).ToDictionary(e => (e.Kind, e.Key), e => CatalogueEntries.JsonOf(e.Value));
        var changed = new List<string>();
        foreach (var (kind, key, value) in EntriesOf(new CatalogueFile(request.Providers, request.Modules, request.Prices, request.Routes)))
        {
            if (!known.TryGetValue((kind, key), out var old) || old != CatalogueEntries.JsonOf(value))
            {
                await CatalogueEntries.AppendAsync(unit, kind, key, value, source, time, cancellationToken);
                changed.Add($"{kind.Wire()} {key}");
            }
        }

        foreach (var (kind, key) in removed.Where(known.ContainsKey))
        {
            await CatalogueEntries.AppendAsync(unit, kind, key, null, source, time, cancellationToken);
            changed.Add($"{kind.Wire()} {key} removed");
        }

        if (changed.Count > 0)
        {
            // By name only: where a provider's key is to be found is for those to read who may read the catalogue.
            await AuditLog.WriteAsync(unit, time, "catalogue.changed", null, new { Changed = changed, Source = source }, cancellationToken);
            unit.Record(CatalogueEvents.Changed, ("catalogue", ""), new { Changed = changed, Source = source, By = unit.Caller.Name });
        }

        return changed.Count;
    }

    // What is given comes first, so that a message names the place in the request.
    private static void Check(CatalogueFile before, ChangeCatalogueRequest request, HashSet<(CatalogueKind, string)> removed)
    {
        T[] Merge<T>(CatalogueKind kind, T[]? given, T[]? kept)
            where T : notnull
        {
            var keys = (given ?? []).Select(e => CatalogueEntries.KeyOf(e)).ToHashSet(StringComparer.Ordinal);
            return [.. given ?? [], .. (kept ?? []).Where(e => CatalogueEntries.KeyOf(e) is var key && !keys.Contains(key) && !removed.Contains((kind, key)))];
        }

        if (new Array?[] { request.Providers, request.Modules, request.Prices, request.Routes, request.Remove }.Sum(a => a?.Length ?? 0) > MostEntries)
        {
            throw new ValidationException("body", $"At the most {MostEntries} entries at once.");
        }

        var after = new CatalogueFile(
            Merge(CatalogueKind.Provider, request.Providers, before.Providers), Merge(CatalogueKind.Module, request.Modules, before.Modules),
            Merge(CatalogueKind.Price, request.Prices, before.Prices), Merge(CatalogueKind.Route, request.Routes, before.Routes));

        // A module that goes takes its prices with it: they stay in the history.
        var modules = after.Modules!.Select(m => m.Id).ToHashSet(StringComparer.Ordinal);
        var prices = Array.FindAll(after.Prices!, p => modules.Contains(p.Module) || request.Prices?.Contains(p) == true);
        var wrong = (after with { Prices = prices }).Check().GroupBy(e => e.Field).ToDictionary(g => g.Key, g => g.Select(e => e.Message).ToArray(), StringComparer.Ordinal);
        if (wrong.Count > 0)
        {
            throw new ValidationException(wrong);
        }
    }

    private static IEnumerable<(CatalogueKind Kind, string Key, object Value)> EntriesOf(CatalogueFile file) =>
        (file.Providers ?? []).Select(e => (CatalogueKind.Provider, CatalogueEntries.KeyOf(e), (object)e))
            .Concat((file.Modules ?? []).Select(e => (CatalogueKind.Module, CatalogueEntries.KeyOf(e), (object)e)))
            .Concat((file.Prices ?? []).Select(e => (CatalogueKind.Price, CatalogueEntries.KeyOf(e), (object)e)))
            .Concat((file.Routes ?? []).Select(e => (CatalogueKind.Route, CatalogueEntries.KeyOf(e), (object)e)));
}

/// <summary>What the log is told of the gateway.</summary>
public static class CatalogueEvents
{
    /// <summary>The catalogue has changed.</summary>
    public const string Changed = "governor.catalogue_changed";

    /// <summary>A module has failed too often, and is left alone.</summary>
    public const string BreakerOpened = "governor.breaker_opened";

    /// <summary>It answers again.</summary>
    public const string BreakerClosed = "governor.breaker_closed";

    /// <summary>Somebody let calls pass again.</summary>
    public const string BreakerReset = "governor.breaker_reset";
}

/// <summary>Takes over the catalogue: at start with the file's entries, and whenever it has changed.</summary>
public sealed class LoadCatalogue(NpgsqlDataSource database, Transactions transactions, ModelCatalogue catalogue, Breakers breakers, GatewayOptions options, TimeProvider time)
    : IDisposable
{
    private readonly SemaphoreSlim _refreshing = new(1, 1);

    /// <inheritdoc />
    public void Dispose() => _refreshing.Dispose();

    /// <summary>Brings the file into the database, and both into memory, with the breakers that were open.</summary>
    /// <exception cref="CatalogueFileException">The file is not as it must be.</exception>
    public async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        if (options.CatalogueFile is { } path)
        {
            var file = await CatalogueFile.ReadAsync(path, cancellationToken);
            await transactions.RunAsync(
                Caller.Host, (unit, ct) => ChangeCatalogue.ApplyAsync(unit, new ChangeCatalogueRequest(file.Providers, file.Modules, file.Prices, file.Routes), "file", time, ct), cancellationToken);
        }

        await RefreshAsync(cancellationToken);
        await using var command = database.CreateCommand("select id, failures, open_until from breakers where state <> 'closed' and open_until is not null");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            breakers.Restore(reader.GetString(0), reader.GetInt32(1), reader.GetFieldValue<DateTimeOffset>(2));
        }
    }

    /// <summary>Takes over what the database has.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        // One at a time: an older reading that was slow must not replace a newer one.
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            catalogue.Set((await CatalogueEntries.ReadAsync(connection, cancellationToken)).ToCatalogue());
        }
        finally
        {
            _refreshing.Release();
        }
    }
}
