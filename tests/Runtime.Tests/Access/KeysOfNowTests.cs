using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.TestSupport;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Access;

/// <summary>Who gets in, in a database of an earlier moment that takes another's place.</summary>
public sealed class KeysOfNowTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    private readonly Dictionary<string, (Guid Id, Guid Actor)> _keys = [];
    private readonly (Guid Known, Guid Later) _actor = (Guid.NewGuid(), Guid.NewGuid());

    private NpgsqlDataSource _now = null!;
    private NpgsqlDataSource _then = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _now = NpgsqlDataSource.Create(await TestCluster.CreateDatabaseAsync(CancellationToken.None));
        _then = NpgsqlDataSource.Create(await TestCluster.CreateDatabaseAsync(CancellationToken.None));
        foreach (var database in new[] { _now, _then })
        {
            await ExecuteAsync(database, $"insert into actors (id, name, role) values ('{Actor.HostId}', 'control-center', 'system_service') on conflict do nothing; insert into actors (id, name, role) values ('{_actor.Known}', 'known', 'system_service')");
        }

        await ExecuteAsync(_now, $"insert into actors (id, name, role) values ('{_actor.Later}', 'later', 'system_service')");
    }

    public async ValueTask DisposeAsync()
    {
        await _now.DisposeAsync();
        await _then.DisposeAsync();
    }

    [Fact]
    public async Task What_was_revoked_stays_so_and_what_was_made_since_is_good_where_its_actor_is_known()
    {
        await KeyAsync(_then, "kept", -60);
        await KeyAsync(_now, "kept", -60);
        await KeyAsync(_then, "revoked since", -60);
        await KeyAsync(_now, "revoked since", -60, revokedAt: 10);
        await KeyAsync(_then, "revoked before", -60, revokedAt: -30);
        await KeyAsync(_now, "revoked before", -60, revokedAt: -30);
        await KeyAsync(_now, "made since", 5);
        await KeyAsync(_now, "made and revoked since", 5, revokedAt: 6);
        await KeyAsync(_now, "left in the settings", 5, revokedAt: 6);
        await ExecuteAsync(_then, $"insert into api_keys (id, actor_id, hash, prefix) values ('{Guid.NewGuid()}', '{_actor.Known}', sha256('left in the settings'), 'left')");
        await KeyAsync(_now, "of a runtime", 5, expiresAt: 3_600);
        // Made before and committed after: the moment does not know it, and without its end it would be good for ever.
        await KeyAsync(_now, "of a runtime just before", 0, expiresAt: 3_600);
        await KeyAsync(_then, "of a runtime of then", -1, expiresAt: 3_600);
        await KeyAsync(_now, "of a runtime of then", -1, revokedAt: 1, expiresAt: 3_600);
        await KeyAsync(_now, "of an actor that came later", 5, isLater: true);

        var read = await Transactions(_now).RunAsync(Caller.Host, (unit, ct) => KeysOfNow.ReadAsync(unit, Noon, ct), Stop);
        await CarryOverAsync(read);
        (await GoodAsync()).ShouldBe(["kept", "made since"], ignoreOrder: true);
        (await TextAsync("select (data->'revoked')::text || (data->'added')::text from events where kind = 'security.keys_carried_over'"))
            .ShouldEndWith($"""]["{_keys["made since"].Id}"]""");
        (await TextAsync("select count(*)::text from api_keys where hash in (sha256('left in the settings'), sha256('made and revoked since')) and revoked_at is not null")).ShouldBe("2", "no setting that was left behind brings them back");

        await CarryOverAsync(read);
        (await GoodAsync()).ShouldBe(["kept", "made since"], ignoreOrder: true);
        (await TextAsync("select count(*)::text from events where kind = 'security.keys_carried_over'")).ShouldBe("1");
        (await TextAsync("select count(*)::text from audit_entries where action = 'keys.carried_over'")).ShouldBe("1");
    }

    private Task CarryOverAsync(string keys) => Transactions(_then).RunAsync(Caller.Host, async (unit, ct) =>
    {
        await KeysOfNow.CarryOverAsync(unit, keys, TimeProvider.System, ct);
        return true;
    }, Stop);

    private static Transactions Transactions(NpgsqlDataSource database) => new(database, new EventLogSignal());

    private async Task KeyAsync(NpgsqlDataSource database, string name, int madeAt, int? revokedAt = null, int? expiresAt = null, bool isLater = false)
    {
        var (id, actor) = _keys.TryGetValue(name, out var known) ? known : _keys[name] = (Guid.NewGuid(), isLater ? _actor.Later : _actor.Known);
        await ExecuteAsync(database, $"""
            insert into api_keys (id, actor_id, hash, prefix, created_at, revoked_at, expires_at)
            values ('{id}', '{actor}', sha256('{name}'), '{name[..4]}', '{At(madeAt)}', {Or(revokedAt)}, {Or(expiresAt)})
            """);

        static string At(int minutes) => Noon.AddMinutes(minutes).ToString("O");
        static string Or(int? minutes) => minutes is { } at ? $"'{At(at)}'" : "null";
    }

    private async Task<IReadOnlyList<string>> GoodAsync()
    {
        var ids = (await TextAsync("select coalesce(string_agg(id::text, ','), '') from api_keys where revoked_at is null")).Split(',', StringSplitOptions.RemoveEmptyEntries).Select(Guid.Parse).ToHashSet();
        return [.. _keys.Where(k => ids.Contains(k.Value.Id)).Select(k => k.Key)];
    }

    private async Task<string> TextAsync(string sql)
    {
        await using var command = _then.CreateCommand(sql);
        return (string)(await command.ExecuteScalarAsync(Stop))!;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Stop);
    }
}
