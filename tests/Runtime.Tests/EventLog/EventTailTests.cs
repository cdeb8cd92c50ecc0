using ControlCenter.Domain.Access;
using ControlCenter.Runtime.EventLog;
using ControlCenter.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Runtime.Tests.EventLog;

public sealed class EventTailTests : IAsyncLifetime
{
    private readonly EventFeed _feed = new();
    private readonly EventLogSignal _signal = new();
    private NpgsqlDataSource _database = null!;
    private EventTail _tail = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = NpgsqlDataSource.Create(await TestCluster.CreateDatabaseAsync(CancellationToken.None));
        _tail = new EventTail(_database, _feed, _signal, TimeProvider.System, NullLogger<EventTail>.Instance);
        await _tail.StartAsync(CancellationToken.None);
        await _tail.Started;
    }

    public async ValueTask DisposeAsync()
    {
        await _tail.StopAsync(CancellationToken.None);
        _tail.Dispose();
        await _database.DisposeAsync();
        _signal.Dispose();
    }

    [Fact]
    public async Task A_later_event_waits_for_an_earlier_one_that_is_still_in_flight()
    {
        await using var slow = await _database.OpenConnectionAsync(Stop);
        await using var transaction = await slow.BeginTransactionAsync(Stop);
        var first = (await EventAppender.AppendAsync(slow, [Draft("slow")], Stop))[0];
        var second = await AppendAsync("quick");
        second.ShouldBeGreaterThan(first);

        // The cycle that ends next may have begun before there was anything to see.
        while (_tail.Tail.HeldBack == 0 && _feed.Head < first)
        {
            var looked = _tail.NextCycleAsync();
            _signal.Heard();
            await looked.WaitAsync(TimeSpan.FromSeconds(20), Stop);
        }

        _tail.Tail.HeldBack.ShouldBe(1);
        _feed.Head.ShouldBeLessThan(first);

        await transaction.CommitAsync(Stop);
        (await ReadAsync(2)).ShouldBe(["slow", "quick"]);
    }

    [Fact]
    public async Task A_place_whose_transaction_was_rolled_back_is_passed_over()
    {
        await using (var gone = await _database.OpenConnectionAsync(Stop))
        await using (var transaction = await gone.BeginTransactionAsync(Stop))
        {
            await EventAppender.AppendAsync(gone, [Draft("never")], Stop);
            await AppendAsync("after");
            await transaction.RollbackAsync(Stop);
        }

        (await ReadAsync(1)).ShouldBe(["after"]);
    }

    [Fact]
    public async Task After_a_fault_the_next_commit_is_read_at_once_and_not_only_when_a_backoff_is_over()
    {
        const int Faults = 8;
        var took = new List<TimeSpan>();
        for (var fault = 1; fault <= Faults; fault++)
        {
            await BreakConnectionsAsync();
            var startedAt = TimeProvider.System.GetTimestamp();
            await AppendAsync("after");
            (await ReadAsync(fault)).Count.ShouldBe(fault);
            took.Add(TimeProvider.System.GetElapsedTime(startedAt));
        }

        // After so many faults each of the last two would back off for ten seconds.
        took[^2..].Min().ShouldBeLessThan(TimeSpan.FromSeconds(8));
    }

    [Fact]
    public void What_is_kept_in_memory_is_bounded_however_large_events_are()
    {
        var feed = new EventFeed();
        feed.StartAt(0);
        for (var seq = 1; seq <= 100; seq++)
        {
            var record = new Domain.Events.EventRecord { Seq = seq, Kind = "big", Data = $"\"{new string('x', 1_000_000)}\"" };
            feed.Publish([new FeedEvent(record)], seq);
        }

        feed.Read(0, FeedScope.Everything, [], 10).ShouldBeNull();
        var kept = new List<FeedEvent>();
        feed.Read(95, FeedScope.Everything, kept, 10).ShouldBe(100);
        kept.Count.ShouldBe(5);
    }

    /// <summary>Ends every connection to the database, and waits until the tail has run into that.</summary>
    private async Task BreakConnectionsAsync()
    {
        var faults = _tail.Reading.Faults;
        await using (var connection = await _database.OpenConnectionAsync(Stop))
        await using (var command = new NpgsqlCommand("select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()", connection))
        {
            ((long)(await command.ExecuteScalarAsync(Stop))!).ShouldBeGreaterThan(0);
        }

        _database.Clear();
        _signal.Heard();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (_tail.Reading.Faults == faults)
        {
            await timer.WaitForNextTickAsync(Stop);
        }
    }

    private static EventDraft Draft(string kind) => new(Actor.HostId, kind, "", "", null, null, "{}", null);

    private async Task<long> AppendAsync(string kind)
    {
        await using var connection = await _database.OpenConnectionAsync(Stop);
        await using var transaction = await connection.BeginTransactionAsync(Stop);
        var seq = (await EventAppender.AppendAsync(connection, [Draft(kind)], Stop))[0];
        await transaction.CommitAsync(Stop);
        _signal.Committed();
        return seq;
    }

    private async Task<List<string>> ReadAsync(int count)
    {
        var events = new List<FeedEvent>();
        while (events.Count < count)
        {
            events.Clear();
            await _feed.WaitForMoreAsync(0, Stop).WaitAsync(TimeSpan.FromSeconds(20), Stop);
            _feed.Read(0, FeedScope.Everything, events, 100);
            await Task.Yield();
        }

        return events.ConvertAll(e => e.Record.Kind);
    }
}
