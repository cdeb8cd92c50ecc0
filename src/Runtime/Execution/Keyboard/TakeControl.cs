using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Execution.Keyboard;

/// <summary>A wish to sit at a runtime's keyboard, or to stay there.</summary>
/// <param name="ControlId">What was taken before, to keep it; null to take it.</param>
/// <param name="TakeOver">Also from somebody else: the founder only.</param>
public sealed record TakeControlRequest(Guid? ControlId = null, bool TakeOver = false);

/// <summary>Control over a runtime's keyboard.</summary>
/// <param name="RuntimeId">Which.</param>
/// <param name="ControlId">Given with each input, and to keep or end it.</param>
/// <param name="HeldBy">Who has it.</param>
/// <param name="ExpiresAt">When it ends unless it is renewed.</param>
/// <param name="HasTerminal">Whether keys can be sent, and not lines only.</param>
public sealed record ControlTaken(Guid RuntimeId, Guid ControlId, string HeldBy, DateTimeOffset ExpiresAt, bool HasTerminal);

/// <summary>Gives one person at a time control over a runtime's keyboard, for as long as there are signs of them.</summary>
public sealed class TakeControl(Transactions transactions, TimeProvider time)
{
    /// <summary>Takes control, keeps it, or takes it over.</summary>
    /// <exception cref="ForbiddenException">The caller may not intervene, or not take over.</exception>
    /// <exception cref="ConflictException"><c>control_held</c>: it is somebody else's; <c>lease_lost</c>: it is no longer the caller's; or nothing can be typed.</exception>
    public Task<Outcome<ControlTaken>> ExecuteAsync(
        Guid runtime, TakeControlRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.Intervene);
        if (request.TakeOver && caller.Role != Role.FounderAdmin)
        {
            throw new ForbiddenException("Control that somebody has is taken over by the founder only.");
        }

        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var keyboard = await HeldKeyboard.FindAsync(unit, runtime, ct);
            return request.ControlId is { } id ? await KeepAsync(unit, keyboard, id, ct) : await TakeAsync(unit, keyboard, request.TakeOver, ct);
        }, cancellationToken);
    }

    /// <summary>Keeps control from now on for as long as it lasts; refuses whoever has not got it by that id.</summary>
    internal static async Task<ControlTaken> KeepAsync(UnitOfWork unit, HeldKeyboard keyboard, Guid control, CancellationToken cancellationToken)
    {
        RequireHeld(keyboard, control, unit.Caller);
        return await WriteAsync(unit, keyboard, control, cancellationToken);
    }

    private async Task<ControlTaken> TakeAsync(UnitOfWork unit, HeldKeyboard keyboard, bool takeOver, CancellationToken cancellationToken)
    {
        if (keyboard.Control is { IsInForce: false })
        {
            // The watch would have said so within a second; taken now, it would never be said.
            await EndedControls.WhereAsync(unit, "c.runtime_id = @runtime and c.expires_at <= clock_timestamp()", cancellationToken, ("runtime", keyboard.Runtime.Id));
        }

        var before = keyboard.Control is { IsInForce: true } held ? held : null;
        if (!KeyboardRules.IsFree(before?.ActorId, unit.Caller.ActorId))
        {
            if (!takeOver)
            {
                throw new ConflictException(ProblemTypes.ControlHeld, $"{before!.Name} has control of {keyboard.Runtime.AgentName} since {before.TakenAt:u}; it ends {KeyboardRules.Lease.TotalSeconds:0} s after the last sign of them.");
            }

            await LostInputs.OfAsync(unit, keyboard.Runtime.Id, cancellationToken);
        }

        var taken = await WriteAsync(unit, keyboard, Uuid7.New(time), cancellationToken);
        var from = before is not null && before.ActorId != unit.Caller.ActorId ? before.Name : null;
        unit.Record(
            from is null ? "runtime.control_taken" : "runtime.control_taken_over", keyboard.Runtime.Subject,
            new { RuntimeId = keyboard.Runtime.Id, keyboard.Runtime.AgentId, keyboard.Runtime.AgentName, By = unit.Caller.Name, From = from },
            keyboard.Runtime.TicketId, keyboard.Runtime.TaskId);
        return taken;
    }

    private static void RequireHeld(HeldKeyboard keyboard, Guid control, Caller caller)
    {
        if (keyboard.Control is not { IsInForce: true } held || held.ControlId != control || held.ActorId != caller.ActorId)
        {
            throw new ConflictException(
                ProblemTypes.LeaseLost,
                keyboard.Control is { IsInForce: true } other && other.ActorId != caller.ActorId ? $"{other.Name} has control of {keyboard.Runtime.AgentName} now: nothing was typed."
                : keyboard.Control is { IsInForce: true } ? $"Control of {keyboard.Runtime.AgentName} was taken in another window: nothing was typed."
                : $"Control of {keyboard.Runtime.AgentName} has run out: take it again. Nothing was typed.");
        }
    }

    private static async Task<ControlTaken> WriteAsync(UnitOfWork unit, HeldKeyboard keyboard, Guid control, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            insert into runtime_controls (runtime_id, control_id, actor_id, expires_at) values (@runtime, @control, @actor, clock_timestamp() + @lease)
            on conflict (runtime_id) do update set control_id = excluded.control_id, actor_id = excluded.actor_id, expires_at = excluded.expires_at,
                taken_at = case when runtime_controls.control_id = excluded.control_id then runtime_controls.taken_at else clock_timestamp() end
            returning expires_at
            """,
            ("runtime", keyboard.Runtime.Id), ("control", control), ("actor", unit.Caller.ActorId), ("lease", KeyboardRules.Lease));
        var expires = (DateTime)(await command.ExecuteScalarAsync(cancellationToken))!;
        return new ControlTaken(keyboard.Runtime.Id, control, unit.Caller.Name, new DateTimeOffset(expires, TimeSpan.Zero), keyboard.HasTerminal);
    }
}
