using System.Text.Json;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Models;

/// <summary>The catalogue as it is in force.</summary>
public sealed record CatalogueView(IReadOnlyList<Provider> Providers, IReadOnlyList<Module> Modules, IReadOnlyList<Price> Prices, IReadOnlyList<Route> Routes);

/// <summary>One version of one entry. Its value is null where it was removed.</summary>
public sealed record CatalogueVersion(
    Guid EntryId, CatalogueKind Kind, string Key, int Version, JsonElement? Value, string Source, Guid ChangedBy, string ChangedByName, DateTimeOffset At);

/// <summary>Reads the catalogue and its history.</summary>
public sealed class CatalogueQueries(NpgsqlDataSource database, ModelCatalogue catalogue)
{
    /// <summary>What is in force.</summary>
    public CatalogueView Current()
    {
        var known = catalogue.Current;
        return new CatalogueView([.. known.Providers], [.. known.Modules], [.. known.Prices], [.. known.Routes]);
    }

    /// <summary>Every version, the newest first.</summary>
    public async Task<Page<CatalogueVersion>> HistoryAsync(CatalogueKind? kind, string? key, PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command)
            .AddPlace("e.at", "e.id", "<", page.AfterPlace)
            .Add("e.kind = @kind", "kind", kind?.Wire())
            .Add("e.key = @key", "key", key)
            .Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText =
            $"select e.id, e.kind, e.key, e.version, e.value, e.source, e.actor_id, a.name, e.at from catalogue_entries e join actors a on a.id = e.actor_id where {where} order by e.at desc, e.id desc limit @limit";
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var versions = new List<CatalogueVersion>();
        while (await reader.ReadAsync(cancellationToken))
        {
            versions.Add(new CatalogueVersion(
                reader.GetGuid(0), WireNames<CatalogueKind>.Parse(reader.GetString(1)), reader.GetString(2), reader.GetInt32(3), reader.JsonOrNull(4),
                reader.GetString(5), reader.GetGuid(6), reader.GetString(7), reader.GetFieldValue<DateTimeOffset>(8)));
        }

        return page.PageOf(versions, v => new PlaceInTime(v.At, v.EntryId));
    }
}

/// <summary>How one call was routed, and why.</summary>
public sealed record DecisionRow(
    Guid CallId, DateTimeOffset At, Guid ActorId, string? ActorName, Guid? AgentId, Guid? TaskId, ModelEndpoint Endpoint, string RequestedModel, string? Module,
    string? Provider, CallEnd? Ended, string? Refusal, int? Status, int Retries, int Fallbacks, int TookMs, int? FirstByteMs, RoutingStep[] Steps);

/// <summary>How a module has done lately.</summary>
/// <param name="Module">Which.</param>
/// <param name="Calls">How many calls reached it.</param>
/// <param name="Failures">How many it failed at least once, whoever answered in the end.</param>
/// <param name="Fallbacks">How many came to it because another could not.</param>
/// <param name="MedianMs">Half of them took less.</param>
public sealed record ModuleRecord(string Module, int Calls, int Failures, int Fallbacks, int? MedianMs);

/// <summary>Reads how calls were routed.</summary>
public sealed class DecisionQueries(NpgsqlDataSource database)
{
    /// <summary>Decisions, the newest first.</summary>
    public async Task<Page<DecisionRow>> ListAsync(string? module, bool onlyTroubled, PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command)
            .AddPlace("d.at", "d.id", "<", page.AfterPlace)
            .Add("d.module_id = @module", "module", module)
            .Add("(d.fallbacks > 0 or d.retries > 0 or d.refusal is not null or d.ended <> @well)", "well", onlyTroubled ? "completed" : null)
            .Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText =
            $"""
            select d.id, d.at, d.actor_id, a.name, d.agent_id, d.task_id, d.endpoint, d.requested_model, d.module_id, d.provider_id, d.ended, d.refusal, d.status,
                d.retries, d.fallbacks, d.took_ms, d.first_byte_ms, d.steps
            from (select * from gateway_decisions d where {where} order by d.at desc, d.id desc limit @limit) d
            left join actors a on a.id = d.actor_id
            order by d.at desc, d.id desc
            """;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<DecisionRow>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(new DecisionRow(
                reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1), reader.GetGuid(2), reader.TextOrNull(3), reader.ValueOrNull<Guid>(4), reader.ValueOrNull<Guid>(5),
                WireNames<ModelEndpoint>.Parse(reader.GetString(6)), reader.GetString(7), reader.TextOrNull(8), reader.TextOrNull(9),
                reader.TextOrNull(10) is { } ended ? WireNames<CallEnd>.Parse(ended) : null, reader.TextOrNull(11), reader.ValueOrNull<int>(12),
                reader.GetInt32(13), reader.GetInt32(14), reader.GetInt32(15), reader.ValueOrNull<int>(16),
                JsonSerializer.Deserialize<RoutingStep[]>(reader.GetString(17), Commands.WireJson.Options)!));
        }

        return page.PageOf(rows, r => new PlaceInTime(r.At, r.CallId));
    }

    /// <summary>How each module has done since a moment.</summary>
    public async Task<IReadOnlyList<ModuleRecord>> RecordsAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select s.module, count(distinct d.id)::int,
                count(distinct d.id) filter (where s.what = 'failed' or (d.module_id = s.module and d.ended in ('failed', 'cut_by_upstream', 'throttled')))::int,
                count(distinct d.id) filter (where s.what = 'answered' and d.fallbacks > 0)::int,
                (percentile_cont(0.5) within group (order by d.took_ms) filter (where s.what = 'answered' and d.ended = 'completed'))::int
            from gateway_decisions d, jsonb_to_recordset(d.steps) as s(module text, what text)
            where d.at >= @since and s.what <> 'skipped' group by s.module
            """);
        command.Parameters.AddWithValue("since", since);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var records = new List<ModuleRecord>();
        while (await reader.ReadAsync(cancellationToken))
        {
            records.Add(new ModuleRecord(reader.GetString(0), reader.GetInt32(1), reader.GetInt32(2), reader.GetInt32(3), reader.ValueOrNull<int>(4)));
        }

        return records;
    }
}
