using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Execution;

/// <summary>Where a definition comes from.</summary>
public enum DefinitionSource
{
    /// <summary>A file in the folder of definitions, which has the last word on it.</summary>
    File,

    /// <summary>The page, or the API.</summary>
    Page,
}

/// <summary>A definition as it was kept.</summary>
/// <param name="DefinitionId">Which.</param>
/// <param name="Name">Its name.</param>
/// <param name="Version">Grows with each change; the same definition again keeps it.</param>
/// <param name="Source">Where it comes from.</param>
/// <param name="Changed">Whether this was another one than before.</param>
public sealed record SavedDefinition(Guid DefinitionId, string Name, int Version, DefinitionSource Source, bool Changed);

/// <summary>Keeps what agents are made of. What runs goes on by the version that it was started with.</summary>
public sealed class SaveDefinition(Transactions transactions, TimeProvider time)
{
    /// <summary>Adds a definition, or changes it; one that was removed is back.</summary>
    /// <param name="definition">The whole of it.</param>
    /// <param name="source">Where it comes from.</param>
    /// <param name="path">Of a file: relative to the folder of definitions.</param>
    /// <param name="caller">Who.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ValidationException">It is not as a definition must be.</exception>
    /// <exception cref="ConflictException"><c>invalid_transition</c>: a file has the last word on it.</exception>
    public Task<SavedDefinition> ExecuteAsync(
        AgentDefinition definition, DefinitionSource source, string? path, Caller caller, CancellationToken cancellationToken)
    {
        RequireRight(caller);
        if (AgentDefinitionRules.Check(definition) is { Count: > 0 } problems)
        {
            throw new ValidationException(problems);
        }

        return transactions.RunAsync(caller, (unit, ct) => SaveAsync(unit, definition, source, path, ct), cancellationToken);
    }

    /// <summary>Notes that the newest load of a file was refused: its definition stays as it was.</summary>
    /// <param name="path">The file, relative to the folder of definitions.</param>
    /// <param name="problem">Why, in words.</param>
    /// <param name="caller">Who.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The names of the definitions that come from that file.</returns>
    public Task<IReadOnlyList<string>> NoteProblemAsync(string path, string problem, Caller caller, CancellationToken cancellationToken)
    {
        RequireRight(caller);
        return transactions.RunAsync(caller, async (unit, ct) =>
        {
            await using var command = unit.Command(
                "update agent_definitions set problem = @problem where path = @path and removed_at is null and problem is distinct from @problem returning id, name",
                ("path", path), ("problem", problem));
            await using var reader = await command.ExecuteReaderAsync(ct);
            var names = new List<string>();
            while (await reader.ReadAsync(ct))
            {
                names.Add(reader.GetString(1));
                unit.Record("agent.definition_refused", ("agent_definition", reader.GetGuid(0).ToString()), new { Name = names[^1], Path = path, Problem = problem });
            }

            return (IReadOnlyList<string>)names;
        }, cancellationToken);
    }

    /// <summary>Refuses whoever may not say what agents are made of.</summary>
    internal static void RequireRight(Caller caller)
    {
        // The host itself loads files that the founder has put there.
        if (caller != Caller.Host)
        {
            caller.Require(Permission.ManageDefinitions);
        }
    }

    private async Task<SavedDefinition> SaveAsync(UnitOfWork unit, AgentDefinition definition, DefinitionSource source, string? path, CancellationToken cancellationToken)
    {
        // Two loads of one name come one after the other, also of a name that is new.
        await unit.ExecuteAsync("select pg_advisory_xact_lock(hashtextextended('agent_definition:' || @name, 0))", cancellationToken, ("name", definition.Name));
        var before = await FindAsync(unit, definition.Name, cancellationToken);
        if (before is { Removed: false, Source: DefinitionSource.File } && source == DefinitionSource.Page)
        {
            throw new ConflictException(
                ProblemTypes.InvalidTransition, $"The definition '{definition.Name}' comes from the file {before.Path}: change it there, or take the file away first.");
        }

        var body = JsonSerializer.Serialize(definition, WireJson.Options);
        await using var command = unit.Command(
            """
            insert into agent_definitions as d (id, name, source, path, body, version, updated_by)
            values (@id, @name, @source, @path, @body::jsonb, 1, @actor)
            on conflict (name) do update set source = excluded.source, path = excluded.path, problem = null,
                version = d.version + case when d.body = excluded.body and d.removed_at is null then 0 else 1 end,
                updated_at = case when d.body = excluded.body and d.removed_at is null then d.updated_at else clock_timestamp() end,
                updated_by = excluded.updated_by, body = excluded.body, removed_at = null
            returning id, version
            """,
            ("id", Uuid7.New(time)), ("name", definition.Name), ("source", source.Wire()), ("actor", unit.Caller.ActorId), ("body", body));
        command.Parameters.Add(new Npgsql.NpgsqlParameter("path", NpgsqlDbType.Text) { Value = (object?)path ?? DBNull.Value });
        Guid id;
        int version;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            (id, version) = (reader.GetGuid(0), reader.GetInt32(1));
        }

        var changed = version != before?.Version;
        if (changed)
        {
            unit.Record(
                "agent.definition_changed", ("agent_definition", id.ToString()),
                new { DefinitionId = id, definition.Name, Version = version, Source = source, Path = path, definition.Adapter });
        }

        return new SavedDefinition(id, definition.Name, version, source, changed);
    }

    private static async Task<Before?> FindAsync(UnitOfWork unit, string name, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select version, source, path, removed_at is not null from agent_definitions where name = @name", ("name", name));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new Before(reader.GetInt32(0), WireNames<DefinitionSource>.Parse(reader.GetString(1)), reader.IsDBNull(2) ? null : reader.GetString(2), reader.GetBoolean(3))
            : null;
    }

    private sealed record Before(int Version, DefinitionSource Source, string? Path, bool Removed);
}
