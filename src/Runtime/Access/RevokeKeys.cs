using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>Ends an actor's keys.</summary>
public static class RevokeKeys
{
    /// <summary>The condition that a key, <c>k</c>, is good, as SQL.</summary>
    internal const string InForce = "k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())";

    /// <summary>Finds the actor and holds it until the transaction ends, so that two changes of its keys come one after the other.</summary>
    /// <remarks>All founders together, in one order: each must see whether the other still gets in. Weaker than a lock that keys elsewhere would wait for.</remarks>
    /// <exception cref="NotFoundException">There is none; the host itself has no key.</exception>
    public static async Task<Caller> HoldActorAsync(UnitOfWork unit, Guid actor, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select id, name, role from actors
            where (id = @actor or (role = 'founder_admin' and (select role from actors where id = @actor) = 'founder_admin')) and id <> @host
            order by id for no key update
            """,
            ("actor", actor), ("host", Actor.HostId));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (reader.GetGuid(0) == actor)
            {
                return new Caller(actor, reader.GetString(1), WireNames<Role>.Parse(reader.GetString(2)));
            }
        }

        throw new NotFoundException("actor", actor.ToString());
    }

    /// <summary>Revokes every key of an actor that is not revoked, in the transaction of what it is done for.</summary>
    /// <returns>The keys that ended.</returns>
    public static async Task<Guid[]> ExecuteAsync(UnitOfWork unit, Caller actor, string why, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "update api_keys set revoked_at = clock_timestamp() where actor_id = @actor and revoked_at is null returning id", ("actor", actor.ActorId));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var ended = new List<Guid>();
        while (await reader.ReadAsync(cancellationToken))
        {
            ended.Add(reader.GetGuid(0));
        }

        if (ended.Count > 0)
        {
            unit.Record("security.key_revoked", ("actor", actor.ActorId.ToString()), new { actor.ActorId, actor.Name, KeyIds = ended, Why = why });
        }

        return [.. ended];
    }
}
