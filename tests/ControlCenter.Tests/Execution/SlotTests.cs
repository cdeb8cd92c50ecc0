using System.Net;
using ControlCenter.Domain.Execution;

namespace ControlCenter.Tests.Execution;

public sealed class SlotTests(HostFixture fixture) : RuntimeTests(fixture)
{
    [Fact]
    public async Task Runtimes_spread_over_two_hosts_by_what_is_left_of_their_memory()
    {
        var (small, large) = (await RunnerAsync("spread"), await RunnerAsync("spread"));
        small.Load = small.Load with { MemoryMb = 4_000 };
        large.Load = large.Load with { MemoryMb = 8_000 };
        await small.ReportAsync(Stop);
        await large.ReportAsync(Stop);
        var definition = await DefinitionAsync(new { instances = 10 }, "spread");

        // The first is a probe, where there is most room; measured at 1,000 MB, five fit on the larger and two on the smaller.
        await large.RunAsync(await RequestAsync(definition), Stop, memoryMb: 1_000);
        var more = new List<Guid>();
        for (var i = 0; i < 7; i++)
        {
            more.Add(await RequestAsync(definition));
        }

        await Work.LeaseTests.Eventually(async () =>
            (await small.ReportAsync(Stop)).Runtimes.Count == 2 && (await large.ReportAsync(Stop)).Runtimes.Count == 6);
        (await Host.SqlAsync<long>($"select count(*) from runtimes where phase = 'requested' and id = any('{{{string.Join(',', more)}}}')", Stop)).ShouldBe(0);
    }

    [Fact]
    public async Task Nothing_is_spawned_on_a_host_whose_memory_is_used_to_85_percent()
    {
        var runner = await RunnerAsync("full");
        runner.Load = runner.Load with { MemoryUsedMb = 8_500 };
        await runner.ReportAsync(Stop);
        var id = await RequestAsync(await DefinitionAsync(label: "full"));
        await Work.LeaseTests.Eventually(async () => (await RuntimeAsync(id))["waits_for"]?.ToString().Contains("used to 85 %", StringComparison.Ordinal) == true);

        runner.Load = runner.Load with { MemoryUsedMb = 8_000 };
        (await runner.OrderAsync(id, Stop)).RuntimeId.ShouldBe(id);
    }

    [Fact]
    public async Task A_kind_that_nobody_has_measured_is_started_one_at_a_time_on_a_host()
    {
        var runner = await RunnerAsync("probe");
        var definition = await DefinitionAsync(new { instances = 2 }, "probe");
        var (first, second) = (await RequestAsync(definition), await RequestAsync(definition));
        await runner.OrderAsync(first, Stop);
        await Work.LeaseTests.Eventually(async () =>
        {
            await runner.ReportAsync(Stop);
            return (await RuntimeAsync(second))["waits_for"]?.ToString().Contains("not been measured", StringComparison.Ordinal) == true;
        });

        await runner.RunAsync(first, Stop);
        await runner.OrderAsync(second, Stop);
    }

    [Fact]
    public async Task A_host_runs_no_more_than_the_policy_says_however_they_were_asked_for()
    {
        var runner = await RunnerAsync("most");
        var definition = await DefinitionAsync(new { instances = 2 }, "most");
        await LimitAsync(new { most_per_host = 1 });
        try
        {
            await runner.RunAsync(await RequestAsync(definition), Stop);
            var second = await RequestAsync(definition);
            await Work.LeaseTests.Eventually(async () => (await RuntimeAsync(second))["waits_for"]?.ToString().Contains("runs 1, which is the most", StringComparison.Ordinal) == true);
            await LimitAsync(new { });
            await runner.OrderAsync(second, Stop);
        }
        finally
        {
            await LimitAsync(new { });
        }
    }

    [Fact]
    public async Task One_observation_that_cannot_be_is_left_out_and_the_leases_of_all_are_renewed()
    {
        var runner = await RunnerAsync("odd");
        var definition = await DefinitionAsync(new { instances = 2 }, "odd");
        var (odd, good) = (await RequestAsync(definition), await RequestAsync(definition));
        await runner.RunAsync(odd, Stop);
        await runner.RunAsync(good, Stop);
        await ChangeAsync($"update runtimes set lease_expires_at = clock_timestamp() + interval '40 s' where id in ('{odd}', '{good}')");
        var before = await Host.SqlAsync<DateTime>($"select max(lease_expires_at) from runtimes where id in ('{odd}', '{good}')", Stop);
        runner.Say(odd, s => s with { MemoryMb = -1, LastTool = "\0", Turns = 3 });
        await runner.ReportAsync(Stop);
        (await Host.SqlAsync<DateTime>($"select min(lease_expires_at) from runtimes where id in ('{odd}', '{good}')", Stop)).ShouldBeGreaterThan(before);
        var kept = await RuntimeAsync(odd);
        ((int)kept["turns"]!, kept["memory_mb"]).ShouldBe((3, null));
    }

    private Task LimitAsync(object policy) =>
        Founder.SendAsync(HttpMethod.Put, "orchestrator/policy", System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(policy), null, Stop);

    [Fact]
    public async Task The_most_urgent_is_started_first_and_then_the_oldest()
    {
        var definition = await DefinitionAsync(new { instances = 4 }, "urgent");
        var low = await RequestAsync(definition, priority: 1);
        var old = await RequestAsync(definition, priority: 3);
        var young = await RequestAsync(definition, priority: 3);
        var runner = await RunnerAsync("urgent");
        foreach (var next in new[] { old, young, low })
        {
            await runner.OrderAsync(next, Stop);
            (await Host.SqlAsync<long>($"select count(*) from runtimes where phase = 'granted' and host_id = '{runner.HostId}'", Stop)).ShouldBe(1);
            await runner.EndAsync(next, RuntimeEnd.NotStarted, Stop);
        }
    }

    [Fact]
    public async Task One_agent_has_one_runtime_however_many_ask_at_once()
    {
        var definition = await DefinitionAsync(label: "nowhere");
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Founder.PostAsync("runtimes", new { definition }, Stop)));
        answers.Count(a => a.Status == HttpStatusCode.Created).ShouldBe(1);
        answers.Where(a => a.Status != HttpStatusCode.Created).ShouldAllBe(a => a.Code == "no_instance_free");
    }

    [Fact]
    public async Task One_task_has_one_runtime_however_many_ask_at_once()
    {
        var definition = await DefinitionAsync(new { instances = 16 }, "nowhere");
        var task = await TaskAsync(await TicketAsync());
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Founder.PostAsync("runtimes", new { definition, task_id = task }, Stop)));
        answers.Count(a => a.Status == HttpStatusCode.Created).ShouldBe(1);
        answers.Where(a => a.Status != HttpStatusCode.Created).ShouldAllBe(a => a.Code == "invalid_transition");
    }

    [Fact]
    public async Task Several_instances_are_several_agents_and_a_free_one_is_used_again()
    {
        var definition = await DefinitionAsync(new { instances = 2 }, "nowhere");
        var first = await Founder.PostAsync("runtimes", new { definition }, Stop);
        (await Founder.PostAsync("runtimes", new { definition }, Stop))["agent_name"].ShouldBe($"{definition}-2");
        await Founder.PostAsync($"runtimes/{first["runtime_id"]}/stop", new { }, Stop);
        (await RuntimeAsync(Guid.Parse(first["runtime_id"])))["end"]!.ToString().ShouldBe("cancelled");
        (await Founder.PostAsync("runtimes", new { definition }, Stop))["agent_name"].ShouldBe(definition);
    }

    [Fact]
    public async Task A_paused_agent_is_not_started_until_it_is_resumed()
    {
        var runner = await RunnerAsync("paused");
        var definition = await DefinitionAsync(label: "paused");
        await Founder.PostAsync($"hosts/{runner.HostId}/drain", null, Stop);
        var requested = await Founder.PostAsync("runtimes", new { definition }, Stop);
        var id = Guid.Parse(requested["runtime_id"]);
        await Founder.PostAsync($"agents/{requested["agent_id"]}/interventions", new { kind = "pause" }, Stop);
        await Founder.PostAsync($"hosts/{runner.HostId}/resume", null, Stop);
        await Work.LeaseTests.Eventually(async () => (await RuntimeAsync(id))["waits_for"]!.ToString() == "its agent is paused or was stopped");
        await Founder.PostAsync($"agents/{requested["agent_id"]}/interventions", new { kind = "resume" }, Stop);
        await runner.OrderAsync(id, Stop);
    }
}
