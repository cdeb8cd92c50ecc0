using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.Health;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Work;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Hosting;

/// <summary>Two hosts on one database: the clock of one is an hour ahead of the database's, that of the other an hour behind.</summary>
public sealed class WrongClocks : IAsyncLifetime
{
    public RunningHost Ahead { get; private set; } = null!;

    public RunningHost Behind { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Ahead = await RunningHost.StartAsync(CancellationToken.None, time: new TestClock { Offset = TimeSpan.FromHours(1) });
        Behind = await RunningHost.StartAsync(CancellationToken.None, Ahead.ConnectionString, new TestClock { Offset = TimeSpan.FromHours(-1) });
    }

    public async ValueTask DisposeAsync()
    {
        await Behind.DisposeAsync();
        await Ahead.DisposeAsync();
    }
}

[Takes(seconds: 45)]
public sealed class WrongClockTests(WrongClocks clocks) : IClassFixture<WrongClocks>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_lease_lasts_its_term_by_the_databases_clock(bool ahead)
    {
        var host = ahead ? clocks.Ahead : clocks.Behind;
        var capability = $"lease-{ahead}";
        var agent = await AgentAsync(host, capability);
        var ticket = (await host.Client().PostAsync("tickets", new { title = "By whose clock?" }, Stop))["key"];
        await host.Client().PostAsync($"tickets/{ticket}/tasks", new { title = "A task", required_capabilities = new[] { capability }, lease_seconds = 600 }, Stop);

        var held = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        (await LeftAsync(host, (DateTimeOffset)held.Claim.Body!["lease"]!["expires_at"]!)).ShouldBeInRange(500, 600);
        await BothLookTwiceAsync<ExpireLeases>();
        (await agent.WriteAsync(held, "progress", Stop, new { percent = 10 })).Status.ShouldBe(HttpStatusCode.Accepted);
        var renewed = await agent.Bus.PostAsync($"leases/{held.LeaseId}/renew", new { fencing_token = held.FencingToken }, Stop);
        (await LeftAsync(host, (DateTimeOffset)renewed.Body!["expires_at"]!)).ShouldBeInRange(500, 600);

        await host.SqlAsync<Guid>($"update leases set expires_at = clock_timestamp() - interval '1 ms' where id = '{held.LeaseId}' returning id", Stop);
        (await agent.WriteAsync(held, "complete", Stop)).Code.ShouldBe("lease_lost");
        var again = (await agent.ClaimAsync(Stop, waitSeconds: 60)).ShouldNotBeNull();
        ((int)again.Claim.Body!["task"]!["attempt"]!).ShouldBe(2);
        (await agent.WriteAsync(again, "complete", Stop)).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_agent_that_was_just_heard_is_live_and_one_that_was_silent_for_a_minute_is_stale(bool ahead)
    {
        var host = ahead ? clocks.Ahead : clocks.Behind;
        var agent = await AgentAsync(host);
        await agent.Bus.PostAsync($"agents/{agent.Id}/heartbeat", new { state = "idle" }, Stop);
        await BothLookTwiceAsync<WatchLiveness>();
        (await host.Client().GetAsync($"agents/{agent.Id}", Stop))["liveness"].ShouldBe("live");
        (await FallenSilentAsync()).ShouldBe(0);

        await host.SqlAsync<Guid>($"update agents set last_heartbeat_at = clock_timestamp() - interval '61 s' where id = '{agent.Id}' returning id", Stop);
        await BothLookTwiceAsync<WatchLiveness>();
        (await host.Client().GetAsync($"agents/{agent.Id}", Stop))["liveness"].ShouldBe("stale");
        (await FallenSilentAsync()).ShouldBe(1);

        Task<long> FallenSilentAsync() => host.SqlAsync<long>($"select count(*) from events where kind = 'agent.stale' and subject_id = '{agent.Id}'", Stop);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_question_waits_for_as_long_as_it_was_asked_for_and_no_longer(bool ahead)
    {
        var host = ahead ? clocks.Ahead : clocks.Behind;
        var patient = await host.Client().PostAsync("escalations", new { kind = "question", title = "Half an hour", expires_in_seconds = 1800 }, Stop);
        var hasty = await host.Client().PostAsync("escalations", new { kind = "question", title = "A second", expires_in_seconds = 1 }, Stop);

        (await host.Client().GetAsync($"escalations/{hasty["escalation_id"]}?wait_seconds=60", Stop))["state"].ShouldBe("expired");
        (await host.SqlAsync<bool>($"select d.decided_at >= e.expires_at from escalations e join decisions d on d.escalation_id = e.id where e.id = '{hasty["escalation_id"]}'", Stop)).ShouldBeTrue();
        await BothLookTwiceAsync<ExpireEscalations>();
        (await host.Client().GetAsync($"escalations/{patient["escalation_id"]}", Stop))["state"].ShouldBe("waiting");
        (await LeftAsync(host, (DateTimeOffset)patient.Body!["expires_at"]!)).ShouldBeInRange(1_500, 1_800);
    }

    [Fact]
    public async Task What_was_seen_by_either_is_of_now_and_neither_is_thought_silent()
    {
        foreach (var host in new[] { clocks.Ahead, clocks.Behind })
        {
            await LooksTwiceAsync<ProbeHealth>(host);
            (await NotSeenAsync(host)).ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task A_clock_that_is_put_right_while_the_host_runs_opens_no_limit_and_makes_nobody_look_silent()
    {
        var clock = new TestClock { Offset = TimeSpan.FromHours(1) };
        await using var host = await RunningHost.StartAsync(Stop, time: clock);
        var agent = await AgentAsync(host);
        await LooksTwiceAsync<ProbeHealth>(host);
        await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => agent.Bus.GetAsync("admission", Stop)));
        foreach (var hours in new[] { 0, -1, 3, 0 })
        {
            clock.Offset = TimeSpan.FromHours(hours);
            var refused = await agent.Bus.GetAsync("admission", Stop);
            refused.Code.ShouldBe("rate_limited", $"{hours} h");
            refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 60, $"{hours} h");
            (await NotSeenAsync(host)).ShouldBeEmpty($"{hours} h");
        }

        clock.Advance(TimeSpan.FromSeconds(60));
        (await agent.Bus.GetAsync("admission", Stop)).Status.ShouldBe(HttpStatusCode.OK);
    }

    private static async Task<TestAgent> AgentAsync(RunningHost host, params string[] capabilities)
    {
        var answer = await host.Client().PostAsync("agents", new { name = $"agent-{Guid.NewGuid():N}", kind = "test", capabilities }, Stop);
        return new TestAgent(host.Client(answer["key"]), answer["agent_id"], answer["key"]);
    }

    /// <summary>How many seconds are left until a moment, by the database's clock.</summary>
    private static async Task<double> LeftAsync(RunningHost host, DateTimeOffset until) =>
        await host.SqlAsync<double>(string.Create(CultureInfo.InvariantCulture, $"select extract(epoch from '{until:O}'::timestamptz - clock_timestamp())::float8"), Stop);

    /// <summary>The services that a host says it has not seen lately, or seen fail.</summary>
    private static async Task<List<string>> NotSeenAsync(RunningHost host)
    {
        using var http = new HttpClient { BaseAddress = host.Address };
        var report = JsonNode.Parse(await http.GetStringAsync("/health", Stop))!;
        return report["services"]!.AsArray().Where(s => s!["status"]!.ToString() is "unknown" or "failed").Select(s => s!.ToJsonString()).ToList();
    }

    private Task BothLookTwiceAsync<TService>()
        where TService : SupervisedService => Task.WhenAll(LooksTwiceAsync<TService>(clocks.Ahead), LooksTwiceAsync<TService>(clocks.Behind));

    /// <summary>Waits for two cycles: the one under way may have looked before what the test did.</summary>
    private static async Task LooksTwiceAsync<TService>(RunningHost host)
        where TService : SupervisedService
    {
        for (var cycle = 0; cycle < 2; cycle++)
        {
            await host.Services.GetRequiredService<TService>().NextCycleAsync().WaitAsync(TimeSpan.FromMinutes(2), Stop);
        }
    }
}
