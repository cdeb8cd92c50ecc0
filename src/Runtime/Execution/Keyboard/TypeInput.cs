using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution.Keyboard;

/// <summary>Something typed for an agent's program. Sent again under the same Idempotency-Key, it is typed no second time.</summary>
/// <param name="ControlId">By whose control.</param>
/// <param name="Text">One line of at the most <see cref="TerminalInput.MostBytes"/> bytes; null for a key alone.</param>
/// <param name="Key">The key after it; null for Enter.</param>
public sealed record TypeInputRequest(Guid ControlId, string? Text = null, TerminalKey? Key = null);

/// <summary>What became of an input.</summary>
/// <param name="InputId">Which.</param>
/// <param name="Number">From 1 in each runtime.</param>
/// <param name="By">Who typed it.</param>
/// <param name="Characters">How many of text.</param>
/// <param name="Key">The key after them; null for Enter.</param>
/// <param name="State"><c>waiting</c>; <c>typed</c>, seen by its host; <c>lost</c>, never to be typed.</param>
/// <param name="RequestedAt">When it was taken in.</param>
public sealed record InputView(Guid InputId, long Number, string By, int Characters, TerminalKey? Key, string State, DateTimeOffset RequestedAt);

/// <summary>Types a line or a key into an agent's program: once, in order, and only for whoever has control.</summary>
public sealed class TypeInput(Transactions transactions, TimeProvider time)
{
    /// <summary>Takes an input in; its host types it within a moment.</summary>
    /// <exception cref="ConflictException"><c>lease_lost</c>: the caller has no control; <c>invalid_transition</c>: the runtime takes nothing in now.</exception>
    /// <exception cref="UnavailableException"><c>rate_limited</c>: too much at once.</exception>
    public Task<Outcome<InputView>> ExecuteAsync(
        Guid runtime, TypeInputRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.Intervene);
        new FieldErrors().Add("text", TerminalInput.TextProblem(request.Text)).Add("key", TerminalInput.KeyProblem(request.Text, request.Key, hasTerminal: true)).ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, (unit, ct) => TypeAsync(unit, runtime, request, ct), cancellationToken);
    }

    private async Task<InputView> TypeAsync(UnitOfWork unit, Guid runtime, TypeInputRequest request, CancellationToken cancellationToken)
    {
        var keyboard = await HeldKeyboard.FindAsync(unit, runtime, cancellationToken);

        // Whoever types is there: it is a sign of them as good as the page's.
        await TakeControl.KeepAsync(unit, keyboard, request.ControlId, cancellationToken);
        new FieldErrors().Add("key", TerminalInput.KeyProblem(request.Text, request.Key, keyboard.HasTerminal)).ThrowIfAny();
        if (keyboard.Runtime.Desired != DesiredState.Run || keyboard.Runtime.IsPaused)
        {
            throw new ConflictException(
                ProblemTypes.InvalidTransition, $"{keyboard.Runtime.AgentName} is {(keyboard.Runtime.Desired == DesiredState.Stop ? "being stopped" : "held still: let it go on first")}. Nothing was typed.");
        }

        await RequireRateAsync(unit, keyboard.Runtime, request.Key, cancellationToken);
        var typed = await WriteAsync(unit, keyboard.Runtime.Id, request, cancellationToken);
        unit.Record(
            "runtime.input", keyboard.Runtime.Subject,
            new
            {
                RuntimeId = keyboard.Runtime.Id, keyboard.Runtime.AgentId, keyboard.Runtime.AgentName, typed.InputId, typed.Number, typed.By, typed.Characters,
                Key = (typed.Key ?? TerminalKey.Enter).Wire(),
            },
            keyboard.Runtime.TicketId, keyboard.Runtime.TaskId);
        return typed;
    }

    private static async Task RequireRateAsync(UnitOfWork unit, HeldRuntime runtime, TerminalKey? key, CancellationToken cancellationToken)
    {
        var (most, isInterrupt) = (KeyboardRules.Most(key), key is TerminalKey.CtrlC);
        await using var command = unit.Command(
            """
            select count(*)::int from runtime_inputs
            where runtime_id = @runtime and requested_at > clock_timestamp() - @window and (key is not distinct from @interrupt) = @is_interrupt
            """,
            ("runtime", runtime.Id), ("window", KeyboardRules.RateWindow), ("interrupt", TerminalKey.CtrlC.Wire()), ("is_interrupt", isInterrupt));
        if ((int)(await command.ExecuteScalarAsync(cancellationToken))! >= most)
        {
            throw new UnavailableException(
                ProblemTypes.RateLimited, $"{runtime.AgentName} was given {most} {(isInterrupt ? "times Ctrl-C" : "inputs")} within {KeyboardRules.RateWindow.TotalSeconds:0} s. Nothing was typed; come back in a few seconds.",
                (int)KeyboardRules.RateWindow.TotalSeconds / 2);
        }
    }

    private async Task<InputView> WriteAsync(UnitOfWork unit, Guid runtime, TypeInputRequest request, CancellationToken cancellationToken)
    {
        var id = Uuid7.New(time);
        await using var command = unit.Command(
            """
            with counted as (update runtimes set inputs = inputs + 1 where id = @runtime returning inputs)
            insert into runtime_inputs (id, runtime_id, number, control_id, actor_id, characters, text, key)
            select @id, @runtime, inputs, @control, @actor, @characters, @text, @key from counted returning number, requested_at
            """,
            ("id", id), ("runtime", runtime), ("control", request.ControlId), ("actor", unit.Caller.ActorId), ("characters", request.Text?.Length ?? 0),
            ("text", request.Text), ("key", request.Key?.Wire()));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new InputView(id, reader.GetInt64(0), unit.Caller.Name, request.Text?.Length ?? 0, request.Key, "waiting", reader.GetFieldValue<DateTimeOffset>(1));
    }
}
