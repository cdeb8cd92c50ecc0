using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Execution;

public sealed class RestartTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_bus_that_starts_anew_between_grant_and_observation_goes_on_and_says_what_was_in_flight()
    {
        var first = await RunningHost.StartAsync(Stop);
        FakeRunner runner;
        RuntimeOrder order;
        StartPackage package;
        await using (first)
        {
            runner = await FakeRunner.JoinAsync(first, "restart", Stop);
            await first.Client().SendAsync(
                HttpMethod.Put, "agent-definitions/a", """{"name":"a","adapter":"process","command":["/bin/true"]}"""u8.ToArray(), null, Stop);
            var requested = await first.Client().PostAsync("runtimes", new { definition = "a" }, Stop);
            order = await runner.OrderAsync(Guid.Parse(requested["runtime_id"]), Stop);
            package = await runner.StartAsync(order, Stop);
        }

        await using var second = await RunningHost.StartAsync(Stop, first.ConnectionString);
        var founder = second.Client();
        var again = new FakeRunner(second.Client(runner.Key), runner.HostId, runner.Key);
        again.Say(order, RuntimePhase.Ready, s => s with { Pid = 12 });
        (await again.ReportAsync(Stop)).Runtimes.Single().FencingToken.ShouldBe(order.FencingToken);
        (await founder.GetAsync($"runtimes/{order.RuntimeId}", Stop)).Body!["runtime"]!["phase"]!.ToString().ShouldBe("ready");
        (await second.Client(package.Key).GetAsync("tasks", Stop)).IsRefused.ShouldBeFalse();

        await Work.LeaseTests.Eventually(async () =>
            (await founder.GetAsync("boot-report", Stop)).Body!["report"]!["in_flight"]!.AsArray() is [{ } only]
                && only["runtime_id"]!.ToString() == order.RuntimeId.ToString() && only["now"]!.ToString() == "ready");
        using var plain = new HttpClient { BaseAddress = second.Address };
        var metrics = await plain.GetStringAsync("/metrics", Stop);
        metrics.ShouldContain("cc_spawn_queue_depth");
        metrics.ShouldContain("cc_spawn_queue_age_seconds");
        metrics.ShouldContain("cc_spawn_duration_seconds_count");
        metrics.ShouldContain("cc_runtimes{phase=\"ready\"}");
    }

    [Theory]
    [InlineData("granted", "granted_at = granted_at - interval '1 min', seen_at = seen_at - interval '1 min'")]
    [InlineData("observed", "observed_at = observed_at - interval '2 min'")]
    public async Task What_came_up_while_no_bus_was_there_is_not_late(string phase, string away)
    {
        FakeRunner runner;
        RuntimeOrder order;
        var first = await RunningHost.StartAsync(Stop);
        await using (first)
        {
            runner = await FakeRunner.JoinAsync(first, "away", Stop);
            await first.Client().SendAsync(
                HttpMethod.Put, "agent-definitions/a", """{"name":"a","adapter":"process","command":["/bin/true"]}"""u8.ToArray(), null, Stop);
            var requested = await first.Client().PostAsync("runtimes", new { definition = "a" }, Stop);
            order = await runner.OrderAsync(Guid.Parse(requested["runtime_id"]), Stop);
            if (phase == "observed")
            {
                await runner.StartAsync(order, Stop);
                runner.Say(order, RuntimePhase.Observed, s => s with { Pid = 12 });
            }

            await runner.ReportAsync(Stop);
        }

        await SqlAsync(first.ConnectionString, $"update runtimes set {away}, lease_expires_at = lease_expires_at + interval '1 h'");
        await using var second = await RunningHost.StartAsync(Stop, first.ConnectionString, new SlowClock());
        var again = new FakeRunner(second.Client(runner.Key), runner.HostId, runner.Key);
        await LookedAsync();
        if (phase == "granted")
        {
            // Its first report only hears of what it is to start.
            await again.ReportAsync(Stop);
            await LookedAsync();
        }

        again.Say(order, RuntimePhase.Ready, s => s with { Pid = 12 });
        await again.ReportAsync(Stop);
        await LookedAsync();
        (await second.SqlAsync<string>($"select phase from runtimes where id = '{order.RuntimeId}'", Stop)).ShouldBe("ready");

        async Task LookedAsync()
        {
            var watch = (WatchRuntimes)second.Services.GetService(typeof(WatchRuntimes))!;
            await watch.NextCycleAsync().WaitAsync(Stop);
            await watch.NextCycleAsync().WaitAsync(Stop);
            (await second.SqlAsync<string>($"select phase from runtimes where id = '{order.RuntimeId}'", Stop)).ShouldNotBe("ended");
        }
    }

    [Fact]
    public async Task What_its_host_does_not_start_in_time_is_ended_once_the_bus_has_been_there_for_a_while()
    {
        var clock = new TestClock();
        await using var host = await RunningHost.StartAsync(Stop, time: clock);
        var founder = host.Client();
        var runner = await FakeRunner.JoinAsync(host, "idle", Stop);
        await founder.SendAsync(HttpMethod.Put, "agent-definitions/a", """{"name":"a","adapter":"process","command":["/bin/true"]}"""u8.ToArray(), null, Stop);
        var id = Guid.Parse((await founder.PostAsync("runtimes", new { definition = "a" }, Stop))["runtime_id"]);
        await runner.OrderAsync(id, Stop);
        await runner.ReportAsync(Stop);
        await SqlAsync(host.ConnectionString, "update runtimes set granted_at = granted_at - interval '21 s', seen_at = seen_at - interval '21 s'");
        clock.Advance(TimeSpan.FromSeconds(30));
        await Work.LeaseTests.Eventually(async () => (await RuntimeAsync())["phase"]!.ToString() == "ended");
        (await RuntimeAsync())["end"]!.ToString().ShouldBe("timed_out");
        (await RuntimeAsync())["end_detail"]!.ToString().ShouldStartWith("Granted");
        (await runner.ReportAsync(Stop)).Runtimes.ShouldBeEmpty();

        async Task<System.Text.Json.Nodes.JsonNode> RuntimeAsync() => (await founder.GetAsync($"runtimes/{id}", Stop)).Body!["runtime"]!;
    }

    private static async Task SqlAsync(string database, string sql)
    {
        await using var source = Npgsql.NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Stop);
    }

    // By which a bus has only just started, however long the machine takes.
    private sealed class SlowClock : TimeProvider
    {
        private readonly long _startedAt = System.GetTimestamp();

        public override long GetTimestamp() => _startedAt + ((System.GetTimestamp() - _startedAt) / 100);
    }

    [Fact]
    public async Task While_execution_is_not_admitted_nothing_is_granted()
    {
        await using var host = await RunningHost.StartAsync(Stop);
        var founder = host.Client();
        await founder.SendAsync(HttpMethod.Put, "admission", """{"level":"maintenance","reason":"test"}"""u8.ToArray(), null, Stop);
        var runner = await FakeRunner.JoinAsync(host, "closed", Stop);
        await founder.SendAsync(HttpMethod.Put, "agent-definitions/a", """{"name":"a","adapter":"process","command":["/bin/true"]}"""u8.ToArray(), null, Stop);
        var id = Guid.Parse((await founder.PostAsync("runtimes", new { definition = "a" }, Stop))["runtime_id"]);
        await Work.LeaseTests.Eventually(async () =>
            (await founder.GetAsync($"runtimes/{id}", Stop)).Body!["runtime"]!["waits_for"]!.ToString() == "the host admits no execution");
        await founder.SendAsync(HttpMethod.Put, "admission", """{"level":"full","reason":"test"}"""u8.ToArray(), null, Stop);
        await runner.OrderAsync(id, Stop);
    }

    [Fact]
    public async Task A_long_queue_asks_for_more_room_once()
    {
        await using var host = await RunningHost.StartAsync(Stop);
        var founder = host.Client();
        await founder.SendAsync(
            HttpMethod.Put, "agent-definitions/many", """{"name":"many","adapter":"process","command":["/bin/true"],"instances":6}"""u8.ToArray(), null, Stop);
        for (var i = 0; i < 6; i++)
        {
            (await founder.PostAsync("runtimes", new { definition = "many" }, Stop)).IsRefused.ShouldBeFalse();
        }

        await Work.LeaseTests.Eventually(() => ToldAsync(host, "runtime.scaling_trigger", "queue"));
    }

    [Fact]
    public async Task What_was_told_of_more_room_is_not_told_again_after_a_restart_and_its_end_is_told_once()
    {
        var database = await TestCluster.CreateDatabaseAsync(Stop);
        await using (var first = await RunningHost.StartAsync(Stop, database))
        {
            await FakeRunner.JoinAsync(first, "crowded", Stop);
            await ManyOnOneHostAsync(first);
            await Work.LeaseTests.Eventually(() => ToldAsync(first, "runtime.scaling_trigger", "agents"));
            await Work.LeaseTests.Eventually(() => ToldAsync(first, "runtime.scaling_trigger", "memory"));
            (await first.SqlAsync<long>("select count(*) from events where kind = 'alert.raised' and data ->> 'source' = 'scaling'", Stop)).ShouldBe(2);
        }

        await using var second = await RunningHost.StartAsync(Stop, database);
        var watch = (WatchScaling)second.Services.GetService(typeof(WatchScaling))!;
        await watch.NextCycleAsync();
        (await second.SqlAsync<long>("select count(*) from events where kind in ('runtime.scaling_trigger', 'runtime.scaling_over')", Stop)).ShouldBe(2);

        await second.SqlAsync<int>("with e as (delete from host_samples returning 1) select count(*)::int from e", Stop);
        await Work.LeaseTests.Eventually(() => ToldAsync(second, "runtime.scaling_over", "memory"));
        (await second.SqlAsync<long>("select count(*) from events where kind = 'runtime.scaling_trigger'", Stop)).ShouldBe(2);
    }

    private static async Task<bool> ToldAsync(RunningHost host, string kind, string trigger) =>
        await host.SqlAsync<long>($"select count(*) from events where kind = '{kind}' and data ->> 'trigger' = '{trigger}'", Stop) == 1;

    // Nine that run on one host, and five minutes of a memory that is used to 80 %.
    private static async Task ManyOnOneHostAsync(RunningHost host)
    {
        await host.Client().SendAsync(
            HttpMethod.Put, "agent-definitions/crowd", """{"name":"crowd","adapter":"process","command":["/bin/true"],"instances":9}"""u8.ToArray(), null, Stop);
        await host.SqlAsync<int>("with e as (delete from host_samples returning 1) select count(*)::int from e", Stop);
        for (var i = 0; i < 9; i++)
        {
            var asked = await host.Client().PostAsync("runtimes", new { definition = "crowd" }, Stop);
            await host.SqlAsync<int>(
                $"""
                with e as (update runtimes r set phase = 'ready', host_id = h.id, granted_at = clock_timestamp(), observed_at = clock_timestamp(), ready_at = clock_timestamp(),
                    lease_expires_at = clock_timestamp() + interval '1 h', fencing_token = 9 from hosts h where h.name = 'crowded' and r.id = '{asked["runtime_id"]}' returning 1)
                select count(*)::int from e
                """, Stop);
        }

        await host.SqlAsync<int>(
            """
            with h as (update hosts set last_report_at = clock_timestamp() + interval '1 h' where name = 'crowded' returning id),
                s as (insert into host_samples (host_id, at, cpu_percent, memory_used_mb, disk_free_mb, runtimes)
                        select h.id, clock_timestamp() - make_interval(secs => 14 * n), 10, 8000, 50000, 9 from h, generate_series(0, 20) n returning 1)
            select count(*)::int from s
            """, Stop);
    }
}
