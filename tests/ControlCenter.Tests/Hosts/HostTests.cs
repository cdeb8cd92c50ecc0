using System.Net;
using ControlCenter.Domain.Execution;
using ControlCenter.Tests.Execution;

namespace ControlCenter.Tests.Hosts;

public sealed class HostTests(HostFixture fixture) : RuntimeTests(fixture)
{
    [Fact]
    public async Task The_local_host_is_there_from_the_start_and_cannot_be_removed()
    {
        var local = (await Founder.GetAsync("hosts?limit=200", Stop)).Body!["items"]!.AsArray().Single(h => (bool)h!["is_local"]!)!;
        local["name"]!.ToString().ShouldBe("local");
        (await Founder.SendAsync(HttpMethod.Delete, $"hosts/{local["host_id"]}", null, null, Stop)).Code.ShouldBe("invalid_transition");
    }

    [Fact]
    public async Task A_machine_that_was_let_in_is_online_with_its_first_report_and_shows_its_load()
    {
        var runner = await RunnerAsync("gpu");
        var detail = (await Founder.GetAsync($"hosts/{runner.HostId}", Stop)).Body!;
        detail["host"]!["state"]!.ToString().ShouldBe("online");
        ((int)detail["host"]!["memory_used_mb"]!).ShouldBe(1000);
        detail["samples"]!.AsArray().Count.ShouldBe(1);
        detail["host"]!["labels"]!.AsArray().Single()!.ToString().ShouldBe("gpu");
        (await Host.SqlAsync<long>($"select count(*) from events where subject_id = '{runner.HostId}' and kind = 'runtime.host_joined'", Stop)).ShouldBe(1);
        (await Host.SqlAsync<long>($"select count(*) from audit_entries where action = 'host.created' and subject = 'host:{runner.HostId}'", Stop)).ShouldBe(1);
    }

    [Fact]
    public async Task A_host_speaks_for_itself_only_and_does_nothing_else()
    {
        var (one, other) = (await RunnerAsync(), await RunnerAsync());
        (await one.TryReportAsync(other.HostId, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await one.Bus.PostAsync($"hosts/{other.HostId}/leave", null, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await one.Bus.GetAsync("hosts", Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await one.Bus.PostAsync("runtimes", new { definition = "x" }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await one.Bus.PostAsync("hosts", new { name = "x" }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        var agent = await AgentAsync();
        (await agent.Bus.PostAsync($"hosts/{one.HostId}/leave", null, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await agent.Bus.PostAsync("hosts", new { name = Fresh("x") }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_draining_host_is_given_nothing_new_until_it_is_resumed()
    {
        var runner = await RunnerAsync("drains");
        var definition = await DefinitionAsync(label: "drains");
        (await Founder.PostAsync($"hosts/{runner.HostId}/drain", null, Stop))["state"].ShouldBe("draining");
        (await runner.ReportAsync(Stop)).State.ShouldBe(HostState.Draining);

        var id = await RequestAsync(definition);
        await Work.LeaseTests.Eventually(async () => (await RuntimeAsync(id))["waits_for"]?.ToString().Contains("draining", StringComparison.Ordinal) == true);
        (await Founder.PostAsync($"hosts/{runner.HostId}/resume", null, Stop))["state"].ShouldBe("online");
        (await runner.OrderAsync(id, Stop)).FencingToken.ShouldBe(1);
    }

    [Fact]
    public async Task A_host_that_leaves_gives_back_what_it_ran_and_is_online_again_when_its_runner_starts_anew()
    {
        var runner = await RunnerAsync("leaves");
        var task = await TaskAsync(await TicketAsync());
        var id = await RequestAsync(await DefinitionAsync(label: "leaves"), task);
        await runner.RunAsync(id, Stop);

        (await runner.Bus.PostAsync($"hosts/{runner.HostId}/leave", null, Stop))["state"].ShouldBe("left");
        (await RuntimeAsync(id))["end"]!.ToString().ShouldBe("lost");
        (await Founder.GetAsync($"tasks/{task}", Stop))["state"].ShouldBe("ready");
        var orders = await runner.ReportAsync(Stop);
        orders.State.ShouldBe(HostState.Left);
        orders.Runtimes.ShouldBeEmpty();

        (await new FakeRunner(runner.Bus, runner.HostId, runner.Key).ReportAsync(Stop)).State.ShouldBe(HostState.Online);
    }

    [Fact]
    public async Task A_removed_host_gets_in_no_more_and_comes_back_under_its_name_with_another_key()
    {
        var name = Fresh("removed");
        var runner = await FakeRunner.JoinAsync(Host, name, Stop);
        (await Founder.SendAsync(HttpMethod.Delete, $"hosts/{runner.HostId}", null, null, Stop)).Status.ShouldBe(HttpStatusCode.NoContent);
        (await runner.TryReportAsync(runner.HostId, Stop)).Status.ShouldBe(HttpStatusCode.Unauthorized);
        (await Founder.GetAsync($"hosts/{runner.HostId}", Stop)).Status.ShouldBe(HttpStatusCode.NotFound);

        var again = await FakeRunner.JoinAsync(Host, name, Stop);
        again.HostId.ShouldBe(runner.HostId);
        (await Founder.PostAsync("hosts", new { name }, Stop)).Code.ShouldBe("name_taken");
    }

    [Fact]
    public async Task A_host_that_falls_silent_is_lost_with_what_it_runs_and_its_late_report_is_told_to_run_nothing()
    {
        var runner = await RunnerAsync("silent");
        var task = await TaskAsync(await TicketAsync());
        var id = await RequestAsync(await DefinitionAsync(label: "silent"), task);
        var package = await runner.RunAsync(id, Stop);
        await ChangeAsync($"update hosts set last_report_at = last_report_at - interval '46 s' where id = '{runner.HostId}'");

        await PhaseAsync(id, "ended");
        (await RuntimeAsync(id))["end"]!.ToString().ShouldBe("lost");
        (await Founder.GetAsync($"hosts/{runner.HostId}", Stop)).Body!["host"]!["state"]!.ToString().ShouldBe("lost");
        (await Founder.GetAsync($"tasks/{task}", Stop))["state"].ShouldBe("ready");
        (await Host.SqlAsync<long>($"select count(*) from leases where task_id = '{task}' and ended_at is null", Stop)).ShouldBe(0);
        await Work.LeaseTests.Eventually(async () => (await Host.Client(package.Key).GetAsync("tasks", Stop)).Status == HttpStatusCode.Unauthorized);

        var late = await runner.ReportAsync(Stop);
        late.State.ShouldBe(HostState.Online);
        late.Runtimes.ShouldBeEmpty();
        (await RuntimeAsync(id))["phase"]!.ToString().ShouldBe("ended");
    }

    [Theory]
    [InlineData("""{"boot_id":"00000000-0000-7000-8000-00000000000a","version":"1","load":{"cores":0,"cpu_percent":0,"memory_mb":1,"memory_used_mb":0,"disk_mb":0,"disk_free_mb":0},"runtimes":[]}""")]
    [InlineData("""{"boot_id":"00000000-0000-7000-8000-00000000000a","version":"1","load":{"cores":1,"cpu_percent":101,"memory_mb":1,"memory_used_mb":0,"disk_mb":0,"disk_free_mb":0},"runtimes":[]}""")]
    [InlineData("""{"boot_id":"00000000-0000-7000-8000-00000000000a","version":"1","load":{"cores":1,"cpu_percent":1,"memory_mb":1,"memory_used_mb":0,"disk_mb":0,"disk_free_mb":0},"runtimes":[],"wait_seconds":16}""")]
    public async Task A_report_that_cannot_be_is_refused(string report)
    {
        var runner = await RunnerAsync();
        (await runner.Bus.PostRawAsync($"hosts/{runner.HostId}/report", report, Stop)).Code.ShouldBe("validation_failed");
    }
}
