using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Execution;

/// <summary>A definition, where it comes from, and how much runs by it.</summary>
/// <param name="DefinitionId">Which.</param>
/// <param name="Name">Its name.</param>
/// <param name="Source">Where it comes from.</param>
/// <param name="Path">Of a file: relative to the folder of definitions.</param>
/// <param name="Version">Grows with each change.</param>
/// <param name="UpdatedAt">When it was changed last.</param>
/// <param name="UpdatedBy">By whom.</param>
/// <param name="Problem">Why the newest load of its file was refused; the definition is then the one before.</param>
/// <param name="Agents">How many agents have been made by it.</param>
/// <param name="Live">How many of its runtimes wait or run.</param>
/// <param name="Definition">The definition itself.</param>
public sealed record DefinitionView(
    Guid DefinitionId, string Name, DefinitionSource Source, string? Path, int Version, DateTimeOffset UpdatedAt, string UpdatedBy, string? Problem,
    int Agents, int Live, AgentDefinition Definition);

/// <summary>Reads definitions.</summary>
public sealed class DefinitionQueries(NpgsqlDataSource database)
{
    private const string Select =
        """
        select d.id, d.name, d.source, d.path, d.version, d.updated_at, a.name, d.problem,
            (select count(*) from definition_agents x where x.definition_id = d.id),
            (select count(*) from runtimes r join definition_agents x on x.agent_id = r.agent_id where x.definition_id = d.id and r.phase <> 'ended'),
            d.body::text
        from agent_definitions d join actors a on a.id = d.updated_by
        where d.removed_at is null and {0}
        order by d.updated_at desc, d.id desc limit @limit
        """;

    /// <summary>Definitions, the last changed first.</summary>
    public async Task<Page<DefinitionView>> ListAsync(PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command).AddPlace("d.updated_at", "d.id", "<", page.AfterPlace).Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = string.Format(CultureInfo.InvariantCulture, Select, where);
        return page.PageOf(await ReadAsync(command, cancellationToken), d => new PlaceInTime(d.UpdatedAt, d.DefinitionId));
    }

    /// <summary>One definition, by its name.</summary>
    public async Task<DefinitionView?> FindAsync(string name, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(string.Format(CultureInfo.InvariantCulture, Select, "d.name = @name"));
        command.Parameters.AddWithValue("name", name);
        command.Parameters.AddWithValue("limit", 1);
        return (await ReadAsync(command, cancellationToken)).FirstOrDefault();
    }

    private static async Task<List<DefinitionView>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var definitions = new List<DefinitionView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            definitions.Add(new DefinitionView(
                reader.GetGuid(0), reader.GetString(1), WireNames<DefinitionSource>.Parse(reader.GetString(2)), reader.TextOrNull(3), reader.GetInt32(4),
                reader.GetFieldValue<DateTimeOffset>(5), reader.GetString(6), reader.TextOrNull(7), (int)reader.GetInt64(8), (int)reader.GetInt64(9),
                JsonSerializer.Deserialize<AgentDefinition>(reader.GetString(10), WireJson.Options)!));
        }

        return definitions;
    }
}
