using System.Buffers.Text;
using System.Security.Cryptography;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>Links that sign somebody in once: what the console prints at start. Only their hashes are kept.</summary>
public sealed class SignInLinks(Transactions transactions)
{
    // Long enough to find the console again, short enough that an old terminal is worth nothing.
    private const int ValidMinutes = 30;

    /// <summary>Makes a token for the founder.</summary>
    public async Task<string> IssueAsync(CancellationToken cancellationToken)
    {
        var token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        await transactions.RunAsync(Caller.Host, (unit, ct) => unit.ExecuteAsync(
            """
            delete from sign_in_links where expires_at < clock_timestamp() - interval '1 day';
            insert into sign_in_links (hash, actor_id, expires_at) values (@hash, @actor, clock_timestamp() + make_interval(mins => @minutes))
            """,
            ct, ("hash", KeyFormat.HashOf(token)), ("actor", Actor.FounderId), ("minutes", ValidMinutes)), cancellationToken);
        return token;
    }

    /// <summary>Uses a token up.</summary>
    /// <returns>Whom it signs in, and the key whose end ends the session; null if it is unknown, used or too old, or they have no access any more.</returns>
    public Task<KeyHolder?> RedeemAsync(string token, CancellationToken cancellationToken) =>
        transactions.RunAsync<KeyHolder?>(Caller.Host, async (unit, ct) =>
        {
            await using var command = unit.Command(
                $"""
                with used as (
                    update sign_in_links set used_at = clock_timestamp() where hash = @hash and used_at is null and expires_at > clock_timestamp() returning actor_id)
                select k.id, a.id, a.name, a.role
                from used u join actors a on a.id = u.actor_id join api_keys k on k.actor_id = a.id and {RevokeKeys.InForce}
                order by k.created_at desc limit 1
                """,
                ("hash", KeyFormat.HashOf(token)));
            await using var reader = await command.ExecuteReaderAsync(ct);
            return await reader.ReadAsync(ct)
                ? new KeyHolder(reader.GetGuid(0), new Caller(reader.GetGuid(1), reader.GetString(2), WireNames<Role>.Parse(reader.GetString(3))))
                : null;
        }, cancellationToken);
}
