using System.Net;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Bus;

/// <summary>CB-12: what an actor has used of its minute is the same before and after a restart.</summary>
public sealed class LimitRestartTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_caller_that_used_up_its_minute_is_still_refused_after_a_restart_and_told_how_long_it_has_to_wait_now()
    {
        var (database, key) = await UseUpTheMinuteAsync();
        var clock = new TestClock();
        clock.Advance(TimeSpan.FromSeconds(20));
        await using var host = await RunningHost.StartAsync(Stop, database, clock);

        var refused = await PostAsync(host, key);
        refused.Code.ShouldBe("rate_limited");
        refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 40, "20 s of the minute passed while the host was away");

        clock.Advance(refused.Headers.RetryAfter.Delta.Value);
        (await PostAsync(host, key)).Status.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task A_host_that_is_killed_has_written_down_what_was_used_a_few_seconds_before()
    {
        await using var killed = await RunningHost.StartAsync(Stop);
        var (agent, key) = await FillAsync(killed);
        await Work.LeaseTests.Eventually(async () =>
            await killed.SqlAsync<long>($"select count(*) from rate_limits where actor_id = '{agent}' and counted = 'events' and admitted <> '[]'", Stop) == 1);

        // It is not stopped: it has no chance to write anything more.
        await using var next = await RunningHost.StartAsync(Stop, killed.ConnectionString);
        (await PostAsync(next, key)).Code.ShouldBe("rate_limited");
    }

    [Theory]
    [InlineData(-3600)]
    [InlineData(3600)]
    public async Task A_date_that_was_changed_while_the_host_was_away_changes_nothing(int seconds)
    {
        var (database, key) = await UseUpTheMinuteAsync();
        await MoveClockSinceAsync(database, seconds, "boot_id");
        await using var host = await RunningHost.StartAsync(Stop, database, new TestClock { Offset = TimeSpan.FromSeconds(seconds) });
        (await PostAsync(host, key)).Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 60);
    }

    [Fact]
    public async Task On_another_machine_the_databases_clock_says_how_long_the_host_was_away()
    {
        var (database, key) = await UseUpTheMinuteAsync();
        await MoveClockSinceAsync(database, 20, "'another machine'");
        await using (var host = await RunningHost.StartAsync(Stop, database))
        {
            (await PostAsync(host, key)).Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 40);
        }

        await MoveClockSinceAsync(database, 60, "'another machine'");
        await using var later = await RunningHost.StartAsync(Stop, database);
        (await PostAsync(later, key)).Status.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task On_another_machine_a_clock_that_was_put_back_counts_as_no_time_and_delays_nobody_by_more_than_a_minute()
    {
        var (database, key) = await UseUpTheMinuteAsync();
        await MoveClockSinceAsync(database, -3600, "'another machine'");
        await using var host = await RunningHost.StartAsync(Stop, database);
        (await PostAsync(host, key)).Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 60);
    }

    [Fact]
    public async Task What_no_longer_counts_is_forgotten_in_memory_and_in_the_database()
    {
        var clock = new TestClock();
        await using var host = await RunningHost.StartAsync(Stop, time: clock);
        await FillAsync(host);
        await Work.LeaseTests.Eventually(async () => await KeptAsync(host) == 2);
        clock.Advance(TimeSpan.FromSeconds(61));
        await Work.LeaseTests.Eventually(async () => await KeptAsync(host) == 0);
    }

    private static Task<long> KeptAsync(RunningHost host) => host.SqlAsync<long>("select count(*) from rate_limits", Stop);

    private static async Task<(string Database, string Key)> UseUpTheMinuteAsync()
    {
        await using var host = await RunningHost.StartAsync(Stop);
        return (host.ConnectionString, (await FillAsync(host)).Key);
    }

    private static async Task<(string Agent, string Key)> FillAsync(RunningHost host)
    {
        var agent = await host.Client().PostAsync("agents", new { name = "busy", kind = "test" }, Stop);
        using var bus = host.Client(agent["key"]);
        (await bus.PostAsync("events", Enumerable.Repeat(new { kind = "limit.test" }, 50), Stop)).Status.ShouldBe(HttpStatusCode.Created);
        (await bus.PostAsync("events", new { kind = "limit.test" }, Stop)).Code.ShouldBe("rate_limited");
        return (agent["agent_id"], agent["key"]);
    }

    private static async Task<BusAnswer> PostAsync(RunningHost host, string key)
    {
        using var bus = host.Client(key);
        return await bus.PostAsync("events", new { kind = "limit.test" }, Stop);
    }

    /// <summary>Makes it look as if the database's clock had gone on by so much since the limits were kept.</summary>
    private static async Task MoveClockSinceAsync(string database, int seconds, string bootId)
    {
        await using var source = Npgsql.NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand($"update rate_limits set saved_at = saved_at - make_interval(secs => {seconds}), boot_id = {bootId}");
        (await command.ExecuteNonQueryAsync(Stop)).ShouldBe(2);
    }
}
