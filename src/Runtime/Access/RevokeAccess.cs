using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>An actor that does not get in any more.</summary>
/// <param name="ActorId">Which.</param>
/// <param name="Name">Its name.</param>
/// <param name="Role">Its role.</param>
/// <param name="State">How it is now.</param>
/// <param name="KeysRevoked">How many keys were ended; none if it had been revoked before.</param>
public sealed record RevokedAccess(Guid ActorId, string Name, Role Role, AccessState State, int KeysRevoked);

/// <summary>Ends an actor's access: all its keys, and with them its open streams and pages. What it did stays under its name.</summary>
public sealed class RevokeAccess(Transactions transactions, CallerDirectory directory, TimeProvider time)
{
    /// <summary>Revokes an actor's keys. Done twice, it changes nothing more.</summary>
    /// <exception cref="NotFoundException">No such actor.</exception>
    /// <exception cref="ConflictException"><c>founder_locked_out</c>: it is the caller itself, or the last founder who gets in.</exception>
    public async Task<Outcome<RevokedAccess>> ExecuteAsync(Guid actor, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageKeys);
        var revoked = await transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var holder = await RevokeKeys.HoldActorAsync(unit, actor, ct);
            if (actor == caller.ActorId)
            {
                throw new ConflictException(
                    ProblemTypes.FounderLockedOut, "You would lock yourself out. Rotate your key instead: the old one ends, and you keep a new one.");
            }

            if (holder.Role == Role.FounderAdmin && !await AnotherFounderGetsInAsync(unit, actor, ct))
            {
                throw new ConflictException(ProblemTypes.FounderLockedOut, $"'{holder.Name}' is the last founder who gets in. Rotate the key instead.");
            }

            var ended = await RevokeKeys.ExecuteAsync(unit, holder, "revoked", ct);
            if (ended.Length > 0)
            {
                await AuditLog.WriteAsync(unit, time, "access.revoked", $"actor:{actor}", new { holder.Name, Revoked = ended }, ct);
            }

            return new RevokedAccess(actor, holder.Name, holder.Role, AccessState.Revoked, ended.Length);
        }, cancellationToken);

        // The log's word of it comes a moment later, and is for the other hosts.
        directory.Forget();
        return revoked;
    }

    private static async Task<bool> AnotherFounderGetsInAsync(UnitOfWork unit, Guid actor, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            $"select exists (select 1 from actors a join api_keys k on k.actor_id = a.id where a.role = 'founder_admin' and a.id <> @actor and {RevokeKeys.InForce})",
            ("actor", actor));
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
