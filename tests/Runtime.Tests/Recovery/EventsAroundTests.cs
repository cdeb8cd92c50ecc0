using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.TestSupport;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>Which events are near a moment, on a real log with shipments.</summary>
public sealed class EventsAroundTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    private NpgsqlDataSource _database = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _database = NpgsqlDataSource.Create(await TestCluster.CreateDatabaseAsync(CancellationToken.None));

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    [Fact]
    public async Task The_nearest_on_either_side_are_found_with_and_without_shipments()
    {
        await LogAsync();
        await Check();
        await ShippedAsync(-90, 2);
        await ShippedAsync(-30, 4);
        await ShippedAsync(45, 7);
        await ShippedAsync(300, 10);
        await Check();

        async Task Check()
        {
            var near = await new EventsAround(_database).ReadAsync(Noon, 2, Stop);
            near.Before.Select(e => e.Seq).ShouldBe([5, 4]);
            near.After.Select(e => e.Seq).ShouldBe([6, 7]);
        }
    }

    [Fact]
    public async Task A_moment_before_or_after_everything_has_one_side()
    {
        await LogAsync();
        await ShippedAsync(45, 7);
        var around = new EventsAround(_database);
        var first = await around.ReadAsync(Noon.AddDays(-1), 3, Stop);
        first.Before.ShouldBeEmpty();
        first.After.Select(e => e.Seq).ShouldBe([1, 2, 3]);
        var last = await around.ReadAsync(Noon.AddDays(1), 3, Stop);
        last.Before.Select(e => e.Seq).ShouldBe([10, 9, 8]);
        last.After.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_would_be_lost_is_counted_by_what_happened_after_the_moment()
    {
        await LogAsync();
        await ShippedAsync(-30, 4);
        await ShippedAsync(45, 7);
        var around = new EventsAround(_database);
        (await around.LostAsync(Noon, Stop)).ShouldBe(new LostWork(TasksCompleted: 2, TicketsOpened: 1, Decisions: 1));
        (await around.LostAsync(Noon.AddDays(-1), Stop)).ShouldBe(new LostWork(3, 2, 1));
        (await around.LostAsync(Noon.AddDays(1), Stop)).ShouldBe(new LostWork(0, 0, 0));
    }

    // Ten events, half a minute apart around noon, of which the fifth is ten seconds before it and the sixth ten seconds after.
    private async Task LogAsync()
    {
        string[] kinds =
        [
            "ticket.created", "task.completed", "build.finished", "build.finished", "build.finished",
            "task.completed", "build.finished", "ticket.created", "task.completed", "escalation.decided",
        ];
        await ExecuteAsync($"insert into actors (id, name, role) values ('{Actor.HostId}', 'control-center', 'system_service') on conflict do nothing");
        for (var i = 0; i < kinds.Length; i++)
        {
            var seconds = ((i - 4) * 30) + (i < 5 ? -10 : -20);
            await ExecuteAsync(
                $"insert into events (seq, at, actor_id, kind, subject_type, subject_id, data) values ({i + 1}, '{Noon.AddSeconds(seconds):O}', '{Actor.HostId}', '{kinds[i]}', '', '', '{"{}"}')");
        }
    }

    private Task ShippedAsync(int seconds, long lastSeq) => ExecuteAsync(
        $"""
        insert into wal_shipments (id, at, timeline, through, snapshot_id, is_sealed, bytes_added, seconds, last_seq)
        values (gen_random_uuid(), '{Noon.AddSeconds(seconds):O}', 1, '0/1', 'x', false, 0, 0, {lastSeq})
        """);

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Stop);
    }
}
