using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution;

/// <summary>Takes a definition away: nothing more is started by it. Its agents, and what runs, stay.</summary>
public sealed class RemoveDefinition(Transactions transactions)
{
    /// <summary>Removes a definition.</summary>
    /// <param name="name">Which.</param>
    /// <param name="source">Who has it removed: the page does not remove what comes from a file.</param>
    /// <param name="caller">Who.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="NotFoundException">There is none.</exception>
    /// <exception cref="ConflictException"><c>invalid_transition</c>: it comes from a file.</exception>
    public Task ExecuteAsync(string name, DefinitionSource source, Caller caller, CancellationToken cancellationToken)
    {
        SaveDefinition.RequireRight(caller);
        return transactions.RunAsync(caller, async (unit, ct) =>
        {
            var (id, from, path) = await HoldAsync(unit, name, ct);
            if (from == "file" && source == DefinitionSource.Page)
            {
                throw new ConflictException(ProblemTypes.InvalidTransition, $"The definition '{name}' comes from the file {path}: take the file away.");
            }

            await unit.ExecuteAsync(
                "update agent_definitions set removed_at = clock_timestamp(), problem = null, updated_at = clock_timestamp(), updated_by = @actor where id = @id",
                ct, ("id", id), ("actor", unit.Caller.ActorId));
            unit.Record("agent.definition_changed", ("agent_definition", id.ToString()), new { DefinitionId = id, Name = name, Removed = true });
            return true;
        }, cancellationToken);
    }

    private static async Task<(Guid Id, string Source, string? Path)> HoldAsync(UnitOfWork unit, string name, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select id, source, path from agent_definitions where name = @name and removed_at is null for update", ("name", name));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (reader.GetGuid(0), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2))
            : throw new NotFoundException("agent definition", name);
    }
}
