using System.Text.Json;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution.Keyboard;

/// <summary>Who has control, as a transaction found it.</summary>
internal sealed record HeldControl(Guid ControlId, Guid ActorId, string Name, DateTimeOffset TakenAt, bool IsInForce);

/// <summary>A runtime's keyboard as a transaction found it, which holds it.</summary>
internal sealed record HeldKeyboard(HeldRuntime Runtime, bool HasTerminal, HeldControl? Control)
{
    /// <summary>Finds it.</summary>
    /// <exception cref="NotFoundException">There is no such runtime.</exception>
    /// <exception cref="ConflictException">Nothing can be typed into it: it is over, does not run yet, or its program takes nothing.</exception>
    public static async Task<HeldKeyboard> FindAsync(UnitOfWork unit, Guid runtime, CancellationToken cancellationToken)
    {
        var held = (await HeldRuntime.FindAsync(unit, "r.id = @id", cancellationToken, ("id", runtime))).FirstOrDefault();
        await using var command = unit.Command(
            """
            select r.definition::text, c.control_id, c.actor_id, a.name, c.taken_at, c.expires_at > clock_timestamp()
            from runtimes r left join runtime_controls c on c.runtime_id = r.id left join actors a on a.id = c.actor_id
            where r.id = @id
            """,
            ("id", runtime));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            throw new NotFoundException("runtime", runtime.ToString());
        }

        var definition = JsonSerializer.Deserialize<AgentDefinition>(reader.GetString(0), WireJson.Options)!;
        return held is null ? throw Refused($"Runtime {runtime} has ended: nothing can be typed into it.")
            : held.Phase is not (RuntimePhase.Observed or RuntimePhase.Ready) ? throw Refused($"{held.AgentName} does not run yet: it is {held.Phase.ToString().ToLowerInvariant()}.")
            : !TerminalInput.IsTakenBy(definition) ? throw Refused($"The program of {held.AgentName} ({definition.Adapter}) takes nothing from a keyboard; send it a message.")
            : new HeldKeyboard(
                held, definition.Terminal,
                reader.IsDBNull(1) ? null : new HeldControl(reader.GetGuid(1), reader.GetGuid(2), reader.GetString(3), reader.GetFieldValue<DateTimeOffset>(4), reader.GetBoolean(5)));
    }

    private static ConflictException Refused(string detail) => new(ProblemTypes.InvalidTransition, detail);
}
