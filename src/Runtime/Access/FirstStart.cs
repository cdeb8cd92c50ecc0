using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>What became of the founder's key at a start.</summary>
/// <param name="Made">The new key, to be shown once; null if none was made.</param>
/// <param name="GivenIsRevoked">Whether the key from the settings was revoked before. It stays so.</param>
public sealed record FounderKey(string? Made, bool GivenIsRevoked);

/// <summary>Gives the founder a key at the first start.</summary>
public sealed class FirstStart(Transactions transactions, TimeProvider time)
{
    /// <summary>
    /// Sees to it that the founder has a key: the one given, or a new one. A key given later is added, so that a changed
    /// setting is never silently without effect.
    /// </summary>
    /// <param name="given">The key from the settings, if any.</param>
    /// <param name="isLost">Whether the founder's own key was lost with the machine that the database was restored from: it is revoked, wherever it turns up, and a new one made.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<FounderKey> EnsureFounderKeyAsync(string? given, bool isLost, CancellationToken cancellationToken) =>
        transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            // Several hosts may start at once.
            await unit.ExecuteAsync("select 1 from actors where id = @founder for update", ct, ("founder", Actor.FounderId));
            if (given is not null)
            {
                var (known, revoked) = await FindAsync(unit, KeyFormat.HashOf(given), ct);
                if (!known)
                {
                    await IssueKey.StoreAsync(unit, Actor.FounderId, given, time, ct);
                }

                // A setting that was left behind must not bring back what was revoked.
                return new FounderKey(null, revoked);
            }

            if (isLost)
            {
                var founder = await RevokeKeys.HoldActorAsync(unit, Actor.FounderId, ct);
                var ended = await RevokeKeys.ExecuteAsync(unit, founder, "revoked: it was not restored with the database", ct);
                await AuditLog.WriteAsync(unit, time, "key.lost", $"actor:{Actor.FounderId}", new { founder.Name, Revoked = ended }, ct);
            }

            return new FounderKey(await HasKeyAsync(unit, ct) ? null : (await IssueKey.ExecuteAsync(unit, Actor.FounderId, time, ct)).Key, GivenIsRevoked: false);
        }, cancellationToken);

    private static async Task<(bool Known, bool Revoked)> FindAsync(UnitOfWork unit, byte[] hash, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select revoked_at is not null from api_keys where actor_id = @founder and hash = @hash", ("founder", Actor.FounderId), ("hash", hash));
        var revoked = await command.ExecuteScalarAsync(cancellationToken);
        return (revoked is not null, revoked is true);
    }

    private static async Task<bool> HasKeyAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select exists (select 1 from api_keys where actor_id = @founder and revoked_at is null)", ("founder", Actor.FounderId));
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
