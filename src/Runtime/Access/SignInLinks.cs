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
    /// <returns>Whom it signs in, or null if it is unknown, used or too old.</returns>
    public Task<Caller?> RedeemAsync(string token, CancellationToken cancellationToken) =>
        transactions.RunAsync<Caller?>(Caller.Host, async (unit, ct) =>
        {
            await using var command = unit.Command(
                """
                update sign_in_links l set used_at = clock_timestamp() from actors a
                where l.hash = @hash and l.used_at is null and l.expires_at > clock_timestamp() and a.id = l.actor_id
                returning a.id, a.name, a.role
                """,
                ("hash", KeyFormat.HashOf(token)));
            await using var reader = await command.ExecuteReaderAsync(ct);
            return await reader.ReadAsync(ct)
                ? new Caller(reader.GetGuid(0), reader.GetString(1), WireNames<Role>.Parse(reader.GetString(2)))
                : null;
        }, cancellationToken);
}
