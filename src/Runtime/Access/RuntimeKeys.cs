using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>Keys that live as long as a lease: made with a start, extended while it is renewed, and dead with it.</summary>
public static class RuntimeKeys
{
    /// <summary>Makes a key that runs out by itself.</summary>
    public static async Task<IssuedKey> IssueAsync(UnitOfWork unit, Guid actor, DateTimeOffset expiresAt, TimeProvider time, CancellationToken cancellationToken)
    {
        var issued = await IssueKey.ExecuteAsync(unit, actor, time, cancellationToken);
        await unit.ExecuteAsync("update api_keys set expires_at = @at where id = @id", cancellationToken, ("id", issued.KeyId), ("at", expiresAt.UtcDateTime));
        return issued;
    }

    /// <summary>Has keys last for so long from now; one that was revoked stays so.</summary>
    /// <remarks>One that was extended in the last seconds is left as it is: who reports every change would write each key with each.</remarks>
    public static Task ExtendAsync(UnitOfWork unit, Guid[] keys, TimeSpan by, CancellationToken cancellationToken) => unit.ExecuteAsync(
        """
        update api_keys set expires_at = clock_timestamp() + @by
        where id = any(@keys) and revoked_at is null and expires_at < clock_timestamp() + @by - interval '5 s'
        """,
        cancellationToken, ("keys", keys), ("by", by));

    /// <summary>Ends one key of an actor that may have others.</summary>
    public static async Task RevokeAsync(UnitOfWork unit, Guid actor, string name, Guid key, string why, CancellationToken cancellationToken)
    {
        if (await unit.ExecuteAsync("update api_keys set revoked_at = clock_timestamp() where id = @id and revoked_at is null", cancellationToken, ("id", key)) > 0)
        {
            unit.Record("security.key_revoked", ("actor", actor.ToString()), new { ActorId = actor, Name = name, KeyIds = new[] { key }, Why = why });
        }
    }
}
