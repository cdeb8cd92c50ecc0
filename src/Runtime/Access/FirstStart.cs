using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>Gives the founder a key at the first start.</summary>
public sealed class FirstStart(Transactions transactions, TimeProvider time)
{
    /// <summary>
    /// Sees to it that the founder has a key: the one given, or a new one. A key given later is added, so that a changed
    /// setting is never silently without effect.
    /// </summary>
    /// <param name="given">The key from the settings, if any.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The new key, to be shown once; null if none was made.</returns>
    public Task<string?> EnsureFounderKeyAsync(string? given, CancellationToken cancellationToken) =>
        transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            // Several hosts may start at once.
            await unit.ExecuteAsync("select 1 from actors where id = @founder for update", ct, ("founder", Actor.FounderId));
            if (given is not null)
            {
                if (!await HasKeyAsync(unit, KeyFormat.HashOf(given), ct))
                {
                    await IssueKey.StoreAsync(unit, Actor.FounderId, given, time, ct);
                }

                return null;
            }

            return await HasKeyAsync(unit, null, ct) ? null : await IssueKey.ExecuteAsync(unit, Actor.FounderId, time, ct);
        }, cancellationToken);

    private static async Task<bool> HasKeyAsync(UnitOfWork unit, byte[]? hash, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select exists (select 1 from api_keys where actor_id = @founder and revoked_at is null and (@any or hash = @hash))",
            ("founder", Actor.FounderId), ("any", hash is null), ("hash", hash ?? []));
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
