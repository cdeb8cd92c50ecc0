using ControlCenter.Domain.Ids;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>A new key.</summary>
/// <param name="KeyId">Which it is, for as long as it is kept.</param>
/// <param name="Key">The key itself, which is not kept.</param>
public readonly record struct IssuedKey(Guid KeyId, string Key);

/// <summary>Makes a key for an actor.</summary>
public static class IssueKey
{
    /// <summary>Makes, keeps the hash of, and returns a new key. It cannot be had again.</summary>
    public static async Task<IssuedKey> ExecuteAsync(UnitOfWork unit, Guid actor, TimeProvider time, CancellationToken cancellationToken)
    {
        var key = KeyFormat.New();
        return new IssuedKey(await StoreAsync(unit, actor, key, time, cancellationToken), key);
    }

    /// <summary>Keeps a key that was chosen elsewhere.</summary>
    /// <returns>Its id.</returns>
    public static async Task<Guid> StoreAsync(UnitOfWork unit, Guid actor, string key, TimeProvider time, CancellationToken cancellationToken)
    {
        var id = Uuid7.New(time);
        await unit.ExecuteAsync(
            "insert into api_keys (id, actor_id, hash, prefix) values (@id, @actor, @hash, @prefix)",
            cancellationToken, ("id", id), ("actor", actor), ("hash", KeyFormat.HashOf(key)), ("prefix", KeyFormat.ShownPartOf(key)));
        await AuditLog.WriteAsync(unit, time, "key.created", $"actor:{actor}", new { KeyId = id }, cancellationToken);
        unit.Record("security.key_created", ("actor", actor.ToString()), new { KeyId = id, ActorId = actor });
        return id;
    }
}
