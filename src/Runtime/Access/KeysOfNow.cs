using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Access;

/// <summary>
/// Brings the keys of a database that is replaced into the one of an earlier moment that takes its place: who gets in does not go back in
/// time. What was revoked stays so, and a key made since is still good, where its actor is known there.
/// </summary>
public static class KeysOfNow
{
    /// <summary>The event, which says how many were revoked and how many brought along.</summary>
    public const string CarriedOver = "security.keys_carried_over";

    /// <summary>Reads what has changed since a moment. A runtime's key is not among what was made: it ends with the slot, which the moment may not know.</summary>
    /// <param name="unit">In the database that is replaced.</param>
    /// <param name="since">The moment that the other is of.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>JSON with hashes of keys, for <see cref="CarryOverAsync"/>.</returns>
    public static async Task<string> ReadAsync(UnitOfWork unit, DateTimeOffset since, CancellationToken cancellationToken)
    {
        // A minute more: a key has the time at which it was made, and the moment counts commits.
        await using var command = unit.Command(
            """
            select coalesce(jsonb_agg(jsonb_build_object(
                'id', id, 'actor_id', actor_id, 'hash', encode(hash, 'hex'), 'prefix', prefix, 'created_at', created_at, 'revoked_at', revoked_at)), '[]')::text
            from api_keys
            where (revoked_at > @since - interval '1 minute' and (expires_at is null or created_at <= @since))
                or (created_at > @since - interval '1 minute' and expires_at is null)
            """,
            ("since", since.UtcDateTime));
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>
    /// Has them hold. Once more changes nothing. By the key itself and not by its id: one that the settings still name has been taken in anew by
    /// then, and a revoked one that is unknown there would be at some start.
    /// </summary>
    /// <param name="unit">In the database that has taken the place.</param>
    /// <param name="keys">What <see cref="ReadAsync"/> read.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task CarryOverAsync(UnitOfWork unit, string keys, TimeProvider time, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            with carried as (
                insert into api_keys as k (id, actor_id, hash, prefix, created_at, revoked_at)
                select t.id, t.actor_id, decode(t.hash, 'hex'), t.prefix, t.created_at, t.revoked_at
                from jsonb_to_recordset(@keys) as t (id uuid, actor_id uuid, hash text, prefix text, created_at timestamptz, revoked_at timestamptz) join actors a on a.id = t.actor_id
                on conflict (hash) do update set revoked_at = excluded.revoked_at where excluded.revoked_at is not null and k.revoked_at is null
                returning id, revoked_at)
            select array(select id from carried where revoked_at is not null), array(select id from carried where revoked_at is null)
            """);
        command.Parameters.Add(new NpgsqlParameter("keys", NpgsqlDbType.Jsonb) { Value = keys });
        Guid[] revoked, added;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            (revoked, added) = (reader.GetFieldValue<Guid[]>(0), reader.GetFieldValue<Guid[]>(1));
        }

        if (revoked.Length + added.Length > 0)
        {
            await AuditLog.WriteAsync(unit, time, "keys.carried_over", null, new { Revoked = revoked, Added = added }, cancellationToken);
            unit.Record(CarriedOver, ("actor", Actor.HostId.ToString()), new { Revoked = revoked, Added = added });
        }
    }
}
