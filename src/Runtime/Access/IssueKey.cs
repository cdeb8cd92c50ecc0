using ControlCenter.Domain.Ids;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>Makes a key for an actor.</summary>
public static class IssueKey
{
    /// <summary>Makes, keeps the hash of, and returns a new key. It cannot be had again.</summary>
    public static async Task<string> ExecuteAsync(UnitOfWork unit, Guid actor, TimeProvider time, CancellationToken cancellationToken)
    {
        var key = KeyFormat.New();
        await StoreAsync(unit, actor, key, time, cancellationToken);
        return key;
    }

    /// <summary>Keeps a key that was chosen elsewhere.</summary>
    public static async Task StoreAsync(UnitOfWork unit, Guid actor, string key, TimeProvider time, CancellationToken cancellationToken)
    {
        var id = Uuid7.New(time);
        await unit.ExecuteAsync(
            "insert into api_keys (id, actor_id, hash, prefix) values (@id, @actor, @hash, @prefix)",
            cancellationToken, ("id", id), ("actor", actor), ("hash", KeyFormat.HashOf(key)), ("prefix", KeyFormat.ShownPartOf(key)));
        await AuditLog.WriteAsync(unit, time, "key.created", $"actor:{actor}", new { KeyId = id }, cancellationToken);
        unit.Record("security.key_created", ("actor", actor.ToString()), new { KeyId = id, ActorId = actor });
    }
}
