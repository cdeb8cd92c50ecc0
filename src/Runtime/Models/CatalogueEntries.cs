using System.Text.Json;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using Npgsql;

namespace ControlCenter.Runtime.Models;

/// <summary>What there is in a catalogue.</summary>
public enum CatalogueKind
{
    /// <summary>Who serves.</summary>
    Provider,

    /// <summary>What.</summary>
    Module,

    /// <summary>For how much.</summary>
    Price,

    /// <summary>By which name.</summary>
    Route,
}

/// <summary>The catalogue's table: every version of every entry, for good. What is in force is the newest of each; one without a value was removed.</summary>
internal static class CatalogueEntries
{
    // One change at a time, over all hosts: each is checked against the whole. The number only has to be the catalogue's alone.
    private const string Lock = "select pg_advisory_xact_lock(7400003)";

    private const string Current =
        "select distinct on (kind, key) id, kind, key, value from catalogue_entries order by kind, key, version desc";

    public static Task LockAsync(UnitOfWork unit, CancellationToken cancellationToken) => unit.ExecuteAsync(Lock, cancellationToken);

    /// <summary>The name of an entry within its kind.</summary>
    public static string KeyOf(object entry) => entry switch
    {
        Provider provider => provider.Id,
        Module module => module.Id,
        Price price => $"{price.Module}@{price.EffectiveFrom.UtcDateTime:yyyy-MM-ddTHH:mm:ss.ffffffZ}",
        Route route => route.Alias,
        _ => throw new ArgumentException($"{entry.GetType().Name} is no entry of a catalogue.", nameof(entry)),
    };

    /// <summary>What is in force.</summary>
    public static async Task<CatalogueFile> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        List<Provider> providers = [];
        List<Module> modules = [];
        List<Price> prices = [];
        List<Route> routes = [];
        await using var command = new NpgsqlCommand(Current, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (reader.IsDBNull(3))
            {
                continue;
            }

            var value = reader.GetString(3);
            switch (WireNames<CatalogueKind>.Parse(reader.GetString(1)))
            {
                case CatalogueKind.Provider:
                    providers.Add(Parse<Provider>(value));
                    break;
                case CatalogueKind.Module:
                    modules.Add(Parse<Module>(value));
                    break;
                case CatalogueKind.Price:
                    prices.Add(Parse<Price>(value) with { Id = reader.GetGuid(0) });
                    break;
                default:
                    routes.Add(Parse<Route>(value));
                    break;
            }
        }

        return new CatalogueFile([.. providers], [.. modules], [.. prices], [.. routes]);
    }

    /// <summary>Adds a version.</summary>
    public static Task AppendAsync(UnitOfWork unit, CatalogueKind kind, string key, object? value, string source, TimeProvider time, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            """
            insert into catalogue_entries (id, kind, key, version, value, source, actor_id)
            select @id, @kind, @key, coalesce(max(version), 0) + 1, @value::jsonb, @source, @actor from catalogue_entries where kind = @kind and key = @key
            """,
            cancellationToken,
            ("id", Uuid7.New(time)), ("kind", kind.Wire()), ("key", key), ("value", value is null ? null : JsonOf(value)), ("source", source), ("actor", unit.Caller.ActorId));

    /// <summary>An entry as it is kept: by this two of them are told apart.</summary>
    public static string JsonOf(object value) =>
        JsonSerializer.Serialize(value is Price price ? price with { Id = null, EffectiveFrom = price.EffectiveFrom.ToUniversalTime() } : value, value.GetType(), WireJson.Options);

    private static T Parse<T>(string value) => JsonSerializer.Deserialize<T>(value, WireJson.Options)!;
}
