using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>An actor's new key, which is never shown again.</summary>
/// <param name="ActorId">Whose.</param>
/// <param name="Name">Their name.</param>
/// <param name="Role">Their role.</param>
/// <param name="KeyId">Which key it is.</param>
/// <param name="Key">The key.</param>
/// <param name="KeysRevoked">How many keys it took the place of: none, for an actor whose access had been revoked.</param>
public sealed record RotatedKey(Guid ActorId, string Name, Role Role, Guid KeyId, string Key, int KeysRevoked) : ICarriesSecret;

/// <summary>Gives an actor a new key in place of all that it has.</summary>
public sealed class RotateKey(Transactions transactions, CallerDirectory directory, TimeProvider time)
{
    /// <summary>Makes a new key; every older one, and whatever is open by it, ends at once. It is also the way back for an actor whose access was revoked.</summary>
    /// <exception cref="NotFoundException">No such actor.</exception>
    public async Task<Outcome<RotatedKey>> ExecuteAsync(Guid actor, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageKeys);
        var rotated = await transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var holder = await RevokeKeys.HoldActorAsync(unit, actor, ct);
            var ended = await RevokeKeys.ExecuteAsync(unit, holder, "rotated", ct);
            var issued = await IssueKey.ExecuteAsync(unit, actor, time, ct);
            await AuditLog.WriteAsync(unit, time, "key.rotated", $"actor:{actor}", new { holder.Name, issued.KeyId, Revoked = ended }, ct);
            return new RotatedKey(actor, holder.Name, holder.Role, issued.KeyId, issued.Key, ended.Length);
        }, cancellationToken);

        // The log's word of it comes a moment later, and is for the other hosts.
        directory.Forget();
        return rotated;
    }
}
