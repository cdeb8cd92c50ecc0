using ControlCenter.Runtime.EventLog;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlCenter.Tests.Events;

/// <summary>Old months of the log are removed whole, and whoever still wanted them is told.</summary>
public sealed class RetentionTests
{
    private const int KeptDays = 40;

    private readonly CancellationToken _stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Months_that_ended_longer_ago_than_events_are_kept_are_removed_and_readers_are_told()
    {
        var (database, last) = await LogWithOldMonthsAsync();
        var clock = new TestClock();
        await using var host = await RunningHost.StartAsync(_stop, database, clock, KeptDays);
        await RemovedAsync(host, clock);

        (await PartitionsAsync(host)).ShouldNotContain(p => p.EndsWith(NameOf(4)) || p.EndsWith(NameOf(3)));
        (await host.SqlAsync<long>("select pruned_through from event_log_state", _stop)).ShouldBe(last[3]);
        (await host.SqlAsync<long>("select count(*) from events where kind = 'old.test'", _stop)).ShouldBe(2, "last month's are kept");
        (await host.SqlAsync<long>("select count(*) from events where kind = 'runtime.events_removed'", _stop)).ShouldBe(2);

        using var founder = host.Client();
        using var stream = await founder.StreamAsync("?after=1", _stop);
        var reset = (await stream.NextAsync(_stop)).ShouldNotBeNull();
        reset.Event.ShouldBe("reset");
        ((long)reset.Data!["resumes_after"]!).ShouldBe(last[3]);
        (await stream.NextAsync(_stop)).ShouldNotBeNull().Id.ShouldBe(last[3] + 1);

        var listed = (await founder.GetAsync("events?after=1&limit=1", _stop)).Body!;
        ((long)listed["reset"]!["resumes_after"]!).ShouldBe(last[3]);
        ((long)listed["reset"]!["requested"]!).ShouldBe(1);
        ((long)listed["items"]![0]!["seq"]!).ShouldBe(last[3] + 1);
    }

    [Fact]
    public async Task Who_asks_for_what_is_kept_is_told_of_no_reset()
    {
        var (database, last) = await LogWithOldMonthsAsync();
        var clock = new TestClock();
        await using var host = await RunningHost.StartAsync(_stop, database, clock, KeptDays);
        await RemovedAsync(host, clock);
        using var founder = host.Client();
        foreach (var query in new[] { "events?limit=1", $"events?after={last[3]}&limit=1" })
        {
            var listed = (await founder.GetAsync(query, _stop)).Body!;
            listed["reset"].ShouldBeNull();
            ((long)listed["items"]![0]!["seq"]!).ShouldBe(last[3] + 1);
        }
    }

    [Fact]
    public async Task What_a_reader_of_the_host_has_not_come_past_stays_and_so_does_all_that_came_later()
    {
        var (database, last) = await LogWithOldMonthsAsync();
        await ExecuteAsync(database, $"insert into log_positions (reader, position) values ('slow', {last[4]})");
        var clock = new TestClock();
        await using var host = await RunningHost.StartAsync(_stop, database, clock, KeptDays);
        await Work.LeaseTests.Eventually(async () =>
        {
            await AnHourLaterAsync(host, clock);
            return await FloorAsync(host) == last[4];
        });
        (await PartitionsAsync(host)).ShouldContain(p => p.EndsWith(NameOf(3)));

        await ExecuteAsync(database, $"update log_positions set position = {last[3]} where reader = 'slow'");
        await RemovedAsync(host, clock);
    }

    [Fact]
    public async Task Nothing_is_removed_unless_somebody_said_for_how_long_events_are_kept()
    {
        var (database, _) = await LogWithOldMonthsAsync();
        var clock = new TestClock();
        await using var host = await RunningHost.StartAsync(_stop, database, clock);
        await AnHourLaterAsync(host, clock);
        (await PartitionsAsync(host)).ShouldContain(p => p.EndsWith(NameOf(4)));
        (await FloorAsync(host)).ShouldBe(0);
    }

    [Fact]
    public async Task A_host_whose_clock_is_years_ahead_removes_nothing_that_the_database_knows_to_be_young()
    {
        var (database, last) = await LogWithOldMonthsAsync();
        var clock = new TestClock { Offset = TimeSpan.FromDays(3_650) };
        await using var host = await RunningHost.StartAsync(_stop, database, clock, KeptDays);
        await RemovedAsync(host, clock);
        (await FloorAsync(host)).ShouldBe(last[3]);
        (await PartitionsAsync(host)).ShouldContain(p => p.EndsWith(NameOf(1)));
    }

    [Fact]
    public async Task A_partition_that_somebody_reads_is_not_waited_for_and_goes_an_hour_later()
    {
        var (database, last) = await LogWithOldMonthsAsync();
        var clock = new TestClock();
        await using var host = await RunningHost.StartAsync(_stop, database, clock, KeptDays);
        await using (var dump = new NpgsqlConnection(database))
        {
            await dump.OpenAsync(_stop);
            await using var reading = await dump.BeginTransactionAsync(_stop);
            await using var read = new NpgsqlCommand("select count(*) from events", dump);
            await read.ExecuteScalarAsync(_stop);
            var floor = await FloorAsync(host);
            await AnHourLaterAsync(host, clock);
            (await FloorAsync(host)).ShouldBe(floor);
        }

        await RemovedAsync(host, clock);
        (await FloorAsync(host)).ShouldBe(last[3]);
    }

    private static async Task AnHourLaterAsync(RunningHost host, TestClock clock)
    {
        var upkeep = host.Services.GetRequiredService<MaintainEventLog>().NextCycleAsync();
        clock.Advance(TimeSpan.FromHours(1));
        await upkeep;
    }

    /// <summary>Hour after hour, until the months four and three ago are gone: at first the host's own reader may not have come past them.</summary>
    private async Task RemovedAsync(RunningHost host, TestClock clock) => await Work.LeaseTests.Eventually(async () =>
    {
        await AnHourLaterAsync(host, clock);
        return !(await PartitionsAsync(host)).Any(p => p.EndsWith(NameOf(4)) || p.EndsWith(NameOf(3)));
    });

    private Task<long> FloorAsync(RunningHost host) => host.SqlAsync<long>("select pruned_through from event_log_state", _stop);

    private Task<string[]> PartitionsAsync(RunningHost host) =>
        host.SqlAsync<string[]>("select array_agg(inhrelid::regclass::text) from pg_inherits where inhparent = 'events'::regclass", _stop);

    private static string NameOf(int monthsAgo) => MonthOf(monthsAgo).ToString("yyyy_MM");

    private static DateTime MonthOf(int monthsAgo)
    {
        var now = DateTime.UtcNow;
        return new DateTime(now.Year, now.Month, 1, 0, 0, 0, DateTimeKind.Utc).AddMonths(-monthsAgo);
    }

    /// <summary>A log that begins four months ago, with two events in each of three months, and the last place in each.</summary>
    private async Task<(string Database, Dictionary<int, long> Last)> LogWithOldMonthsAsync()
    {
        var database = await TestCluster.CreateDatabaseAsync(_stop);
        var last = new Dictionary<int, long>();
        foreach (var monthsAgo in new[] { 4, 3, 1 })
        {
            var month = MonthOf(monthsAgo).ToString("yyyy-MM-dd");
            await ExecuteAsync(database, $"select events_make_partition('{month}')");
            for (var i = 0; i < 2; i++)
            {
                last[monthsAgo] = await ExecuteAsync(database,
                    $"""
                    insert into events (seq, at, actor_id, kind, subject_type, subject_id, data)
                    values (nextval('events_seq'), '{month}T12:00:00Z', '{Domain.Access.Actor.HostId}', 'old.test', '', '', '{"{}"}') returning seq
                    """);
            }
        }

        return (database, last);
    }

    private async Task<long> ExecuteAsync(string database, string sql)
    {
        await using var source = NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(_stop) is long value ? value : 0;
    }
}
