using ControlCenter.Domain.Access;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Access;

/// <summary>An actor and its access.</summary>
/// <param name="ActorId">Which.</param>
/// <param name="Name">Its name.</param>
/// <param name="Role">What it may do.</param>
/// <param name="State">Whether it gets in.</param>
/// <param name="KeyPrefix">The first characters of its newest key, by which it can be told; null if it never had one.</param>
/// <param name="KeysInForce">How many of its keys are good.</param>
/// <param name="KeyCreatedAt">When the newest was made.</param>
/// <param name="LastUsedAt">When a key of it was last used, to the minute; null if that was never seen.</param>
/// <param name="RevokedAt">When its last key was revoked, if one was.</param>
/// <param name="CreatedAt">When it was let in.</param>
public sealed record ActorView(
    Guid ActorId, string Name, Role Role, AccessState State, string? KeyPrefix, int KeysInForce, DateTimeOffset? KeyCreatedAt, DateTimeOffset? LastUsedAt,
    DateTimeOffset? RevokedAt, DateTimeOffset CreatedAt);

/// <summary>Which actors.</summary>
/// <param name="Role">Only of this role.</param>
/// <param name="State">Only with this access.</param>
public sealed record ActorFilter(Role? Role = null, AccessState? State = null);

/// <summary>Reads who gets in. Only for those who manage keys; the host itself, which has no key, is not among them.</summary>
public sealed class ActorQueries(NpgsqlDataSource database)
{
    private const string Select =
        $$"""
        select a.id, a.name, a.role, k.state, k.prefix, k.in_force, k.made_at, k.used_at, k.revoked_at, a.created_at
        from actors a cross join lateral (
            select case when count(*) filter (where {{RevokeKeys.InForce}}) > 0 then 'active'
                    when count(*) filter (where k.revoked_at is null) > 0 then 'expired' else 'revoked' end as state,
                (array_agg(k.prefix order by k.created_at desc))[1] as prefix, count(*) filter (where {{RevokeKeys.InForce}})::int as in_force,
                max(k.created_at) as made_at, max(k.last_used_at) as used_at, max(k.revoked_at) as revoked_at
            from api_keys k where k.actor_id = a.id) k
        where a.id <> @host and {0}
        order by a.created_at desc, a.id desc limit @limit
        """;

    /// <summary>Actors, newest first.</summary>
    public async Task<Page<ActorView>> ListAsync(ActorFilter filter, PageRequest page, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageKeys);
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command)
            .Add("a.role = @role", "role", filter.Role?.Wire())
            .Add("k.state = @state", "state", filter.State?.Wire())
            .AddPlace("a.created_at", "a.id", "<", page.AfterPlace).Where;
        return page.PageOf(await ReadAsync(command, where, page.Limit + 1, cancellationToken), a => new PlaceInTime(a.CreatedAt, a.ActorId));
    }

    /// <summary>One actor.</summary>
    public async Task<ActorView?> FindAsync(Guid id, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageKeys);
        await using var command = database.CreateCommand();
        command.Parameters.AddWithValue("id", id);
        return (await ReadAsync(command, "a.id = @id", 1, cancellationToken)).FirstOrDefault();
    }

    private static async Task<List<ActorView>> ReadAsync(NpgsqlCommand command, string where, int limit, CancellationToken cancellationToken)
    {
        command.Parameters.AddWithValue("host", Actor.HostId);
        command.Parameters.AddWithValue("limit", limit);
        command.CommandText = string.Format(System.Globalization.CultureInfo.InvariantCulture, Select, where);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var actors = new List<ActorView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            actors.Add(new ActorView(
                reader.GetGuid(0), reader.GetString(1), WireNames<Role>.Parse(reader.GetString(2)), WireNames<AccessState>.Parse(reader.GetString(3)),
                reader.TextOrNull(4), reader.GetInt32(5), reader.ValueOrNull<DateTimeOffset>(6), reader.ValueOrNull<DateTimeOffset>(7),
                reader.ValueOrNull<DateTimeOffset>(8), reader.GetFieldValue<DateTimeOffset>(9)));
        }

        return actors;
    }
}
