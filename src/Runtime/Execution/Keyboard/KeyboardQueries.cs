using System.Text.Json;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Execution.Keyboard;

/// <summary>Who has control over a runtime's keyboard.</summary>
public sealed record ControlView(Guid ControlId, Guid ActorId, string HeldBy, DateTimeOffset TakenAt, DateTimeOffset ExpiresAt);

/// <summary>A runtime's keyboard.</summary>
/// <param name="RuntimeId">Which.</param>
/// <param name="TakesInput">Whether its program reads what is typed, as far as its definition says, and it is not over.</param>
/// <param name="HasTerminal">Whether keys can be sent, and not lines only.</param>
/// <param name="Control">Who has control; null where nobody has.</param>
/// <param name="Inputs">The newest inputs, newest first; what they said is in the runtime's output.</param>
public sealed record KeyboardView(Guid RuntimeId, bool TakesInput, bool HasTerminal, ControlView? Control, IReadOnlyList<InputView> Inputs);

/// <summary>Reads keyboards.</summary>
public sealed class KeyboardQueries(NpgsqlDataSource database)
{
    private const int Newest = 20;

    /// <summary>One runtime's; null where there is none.</summary>
    public async Task<KeyboardView?> FindAsync(Guid runtime, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand(
                    """
                    select r.definition::text, r.phase <> 'ended', c.control_id, c.actor_id, a.name, c.taken_at, c.expires_at
                    from runtimes r left join runtime_controls c on c.runtime_id = r.id and c.expires_at > clock_timestamp() left join actors a on a.id = c.actor_id
                    where r.id = @id
                    """) { Parameters = { new("id", runtime) } },
                new NpgsqlBatchCommand(
                    $"""
                    select i.id, i.number, a.name, i.characters, i.key, i.state, i.requested_at
                    from runtime_inputs i join actors a on a.id = i.actor_id where i.runtime_id = @id order by i.number desc limit {Newest}
                    """) { Parameters = { new("id", runtime) } },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return null;
        }

        var definition = JsonSerializer.Deserialize<AgentDefinition>(reader.GetString(0), WireJson.Options)!;
        var view = new KeyboardView(
            runtime, TerminalInput.IsTakenBy(definition) && reader.GetBoolean(1), definition.Terminal,
            reader.IsDBNull(2) ? null
                : new ControlView(reader.GetGuid(2), reader.GetGuid(3), reader.GetString(4), reader.GetFieldValue<DateTimeOffset>(5), reader.GetFieldValue<DateTimeOffset>(6)), []);
        await reader.NextResultAsync(cancellationToken);
        var inputs = new List<InputView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            inputs.Add(new InputView(
                reader.GetGuid(0), reader.GetInt64(1), reader.GetString(2), reader.GetInt32(3), reader.TextOrNull(4) is { } key ? WireNames<TerminalKey>.Parse(key) : null,
                reader.GetString(5), reader.GetFieldValue<DateTimeOffset>(6)));
        }

        return view with { Inputs = inputs };
    }
}
