using System.Net;
using ControlCenter.Domain.Execution;

namespace ControlCenter.Tests.Execution;

public sealed class RuntimeLifeTests(HostFixture fixture) : RuntimeTests(fixture)
{
    [Fact]
    public async Task A_runtime_comes_to_each_phase_by_what_its_host_sees_and_its_task_is_done_under_its_own_key()
    {
        var runner = await RunnerAsync("life");
        var definition = await DefinitionAsync(label: "life");
        var task = await TaskAsync(await TicketAsync(), new { instructions = "Do it.", priority = 3 });
        var id = await RequestAsync(definition, task);

        var order = await runner.OrderAsync(id, Stop);
        order.Desired.ShouldBe(DesiredState.Run);
        (await RuntimeAsync(id))["phase"]!.ToString().ShouldBe("granted");
        var package = await runner.StartAsync(order, Stop);
        package.Task!.TaskId.ToString().ShouldBe(task);
        package.Task.Instructions.ShouldBe("Do it.");
        package.Definition.Name.ShouldBe(definition);
        package.AgentName.ShouldBe(definition);

        runner.Say(order, RuntimePhase.Observed, s => s with { Pid = 17, ProcessStartedAt = 3 });
        await runner.ReportAsync(Stop);
        (await RuntimeAsync(id))["phase"]!.ToString().ShouldBe("observed");
        runner.Say(order, RuntimePhase.Ready);
        await runner.ReportAsync(Stop);

        var agent = Host.Client(package.Key);
        (await agent.PostAsync($"tasks/{task}/complete", new { lease_id = package.Task.LeaseId, fencing_token = package.Task.FencingToken }, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await runner.ReportAsync(Stop)).Runtimes.Single().TaskEnded.ShouldBeTrue();
        (await runner.EndAsync(id, RuntimeEnd.Exited, Stop, 0)).Runtimes.ShouldBeEmpty();

        var ended = await RuntimeAsync(id);
        ended["phase"]!.ToString().ShouldBe("ended");
        ended["end"]!.ToString().ShouldBe("exited");
        foreach (var time in new[] { "requested_at", "granted_at", "observed_at", "ready_at", "ended_at" })
        {
            ended[time].ShouldNotBeNull(time);
        }

        (await Founder.GetAsync($"tasks/{task}", Stop))["state"].ShouldBe("completed");
        (await Founder.GetAsync($"sessions/{package.SessionId}", Stop))["state"].ShouldBe("ended");
        await Work.LeaseTests.Eventually(async () => (await agent.GetAsync("tasks", Stop)).Status == HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Orders_are_held_back_until_they_change()
    {
        var runner = await RunnerAsync("held-back");
        var definition = await DefinitionAsync(label: "held-back");
        var known = await runner.ReportAsync(Stop);
        known.Runtimes.ShouldBeEmpty();

        var waiting = runner.ChangeAsync(known, Stop);
        var id = await RequestAsync(definition);
        (await waiting).Runtimes.Single().RuntimeId.ShouldBe(id);
    }

    [Fact]
    public async Task A_wrong_fencing_token_starts_nothing_renews_nothing_and_moves_nothing()
    {
        var runner = await RunnerAsync("token");
        var id = await RequestAsync(await DefinitionAsync(label: "token"));
        var order = await runner.OrderAsync(id, Stop);
        var wrong = order with { FencingToken = order.FencingToken + 1 };

        (await runner.TryStartAsync(wrong, Stop)).Code.ShouldBe("lease_lost");
        runner.Say(wrong, RuntimePhase.Ready, s => s with { Pid = 1 });
        await runner.ReportAsync(Stop);
        (await RuntimeAsync(id))["phase"]!.ToString().ShouldBe("granted");
        (await RuntimeAsync(id))["seen_at"].ShouldBeNull();
    }

    [Fact]
    public async Task A_start_asked_for_twice_gives_a_new_key_for_the_same_lease_and_the_first_key_is_dead()
    {
        var runner = await RunnerAsync("twice");
        var task = await TaskAsync(await TicketAsync());
        var id = await RequestAsync(await DefinitionAsync(label: "twice"), task);
        var order = await runner.OrderAsync(id, Stop);

        var first = await runner.StartAsync(order, Stop);
        var second = await runner.StartAsync(order, Stop);
        second.Key.ShouldNotBe(first.Key);
        second.Task!.LeaseId.ShouldBe(first.Task!.LeaseId);
        second.Task.FencingToken.ShouldBe(first.Task.FencingToken);
        (await Host.Client(first.Key).GetAsync("tasks", Stop)).Status.ShouldBe(HttpStatusCode.Unauthorized);
        (await Host.Client(second.Key).GetAsync("tasks", Stop)).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_task_that_another_has_taken_meanwhile_ends_the_runtime_that_was_to_start_for_it()
    {
        var runner = await RunnerAsync("gone");
        var quick = await AgentAsync("gone");
        var task = await TaskAsync(await TicketAsync(), capability: "gone");
        var id = await RequestAsync(await DefinitionAsync(label: "gone"), task);
        var order = await runner.OrderAsync(id, Stop);
        (await quick.ClaimAsync(Stop)).ShouldNotBeNull().TaskId.ShouldBe(task);

        (await runner.TryStartAsync(order, Stop)).Code.ShouldBe("lease_lost");
        (await RuntimeAsync(id))["end"]!.ToString().ShouldBe("cancelled");
        (await Founder.GetAsync($"tasks/{task}", Stop))["state"].ShouldBe("leased");
    }

    [Fact]
    public async Task A_runtime_that_ends_before_its_task_gives_it_back_at_once_with_its_checkpoint()
    {
        var runner = await RunnerAsync("back");
        var definition = await DefinitionAsync(label: "back");
        var task = await TaskAsync(await TicketAsync());
        var id = await RequestAsync(definition, task);
        var package = await runner.RunAsync(id, Stop);
        await Host.Client(package.Key).PostAsync(
            $"tasks/{task}/checkpoint", new { lease_id = package.Task!.LeaseId, fencing_token = package.Task.FencingToken, state = new { step = 7 } }, Stop);

        await runner.EndAsync(id, RuntimeEnd.Failed, Stop, 139);
        var back = await Founder.GetAsync($"tasks/{task}", Stop);
        back["state"].ShouldBe("ready");
        ((int)back.Body!["attempt"]!).ShouldBe(2);

        var next = await runner.RunAsync(await RequestAsync(definition, task), Stop);
        ((int)next.Task!.Checkpoint!.Value.GetProperty("step").GetInt32()).ShouldBe(7);
        next.AgentId.ShouldBe(package.AgentId);
        next.SessionId.ShouldNotBe(package.SessionId);
        (await Founder.GetAsync($"sessions/{next.SessionId}", Stop))["predecessor_id"].ShouldBe(package.SessionId.ToString());
    }

    [Fact]
    public async Task One_that_shows_no_sign_of_life_in_time_is_ended_and_the_reason_says_so()
    {
        var runner = await RunnerAsync("slow");
        var id = await RequestAsync(await DefinitionAsync(label: "slow"));
        var order = await runner.OrderAsync(id, Stop);
        await runner.StartAsync(order, Stop);
        runner.Say(order, RuntimePhase.Observed, s => s with { Pid = 5 });
        await runner.ReportAsync(Stop);
        await ChangeAsync($"update runtimes set observed_at = observed_at - interval '61 s' where id = '{id}'");
        await PhaseAsync(id, "ended");
        var ended = await RuntimeAsync(id);
        ended["end"]!.ToString().ShouldBe("timed_out");
        ended["end_detail"]!.ToString().ShouldStartWith("Observed");
        (await runner.ReportAsync(Stop)).Runtimes.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_request_for_a_task_that_is_not_granted_in_time_is_called_off_with_what_it_waited_for_and_one_without_a_task_waits_on()
    {
        var definition = await DefinitionAsync(new { instances = 2 }, "nowhere");
        var task = await TaskAsync(await TicketAsync(), capability: Fresh("nobody"));
        var (id, other) = (await RequestAsync(definition, task), await RequestAsync(definition));
        await ChangeAsync($"update runtimes set requested_at = requested_at - interval '121 s' where id in ('{id}', '{other}')");
        await PhaseAsync(id, "ended");
        var ended = await RuntimeAsync(id);
        ended["end"]!.ToString().ShouldBe("cancelled");
        ended["end_detail"]!.ToString().ShouldContain("It waited for: ");
        (await RuntimeAsync(other))["phase"]!.ToString().ShouldBe("requested");
        (await Founder.GetAsync($"tasks/{task}", Stop))["state"].ShouldBe("ready");
    }

    [Fact]
    public async Task Interventions_reach_the_process_and_what_its_host_saw_take_effect_is_told()
    {
        var runner = await RunnerAsync("steer");
        var id = await RequestAsync(await DefinitionAsync(label: "steer"));
        var package = await runner.RunAsync(id, Stop);
        var paused = await Founder.PostAsync($"agents/{package.AgentId}/interventions", new { kind = "pause" }, Stop);

        await Work.LeaseTests.Eventually(async () => (await runner.ReportAsync(Stop)).Runtimes.Single() is { Desired: DesiredState.Pause, Interventions.Count: 1 });
        runner.Say(id, s => s with { Paused = true, Effective = [Guid.Parse(paused["intervention_id"])] });
        (await runner.ReportAsync(Stop)).Runtimes.Single().Interventions.ShouldBeEmpty();
        (await RuntimeAsync(id))["paused_at"].ShouldNotBeNull();
        (await Host.SqlAsync<bool>($"select effective_at is not null and acknowledged_at is not null from interventions where id = '{paused["intervention_id"]}'", Stop)).ShouldBeTrue();

        await Founder.PostAsync($"agents/{package.AgentId}/interventions", new { kind = "message", text = "Hello" }, Stop);
        (await runner.ReportAsync(Stop)).Runtimes.Single().Interventions.Single().Text.ShouldBe("Hello");
        await Founder.PostAsync($"agents/{package.AgentId}/interventions", new { kind = "stop" }, Stop);
        await Work.LeaseTests.Eventually(async () => (await runner.ReportAsync(Stop)).Runtimes.Single().Desired == DesiredState.Stop);
        await runner.EndAsync(id, RuntimeEnd.Killed, Stop, 137);
        (await Host.SqlAsync<long>($"select count(*) from interventions where agent_id = '{package.AgentId}' and kind = 'stop' and effective_at is null", Stop)).ShouldBe(0);
    }

    [Fact]
    public async Task A_stopped_runtime_gives_its_task_back_without_spending_the_attempt()
    {
        var runner = await RunnerAsync("stopped");
        var task = await TaskAsync(await TicketAsync());
        var id = await RequestAsync(await DefinitionAsync(label: "stopped"), task);
        await runner.RunAsync(id, Stop);

        (await Founder.PostAsync($"runtimes/{id}/stop", new { reason = "enough" }, Stop)).Body!["stopping"]!.GetValue<int>().ShouldBe(1);
        (await runner.ReportAsync(Stop)).Runtimes.Single().Desired.ShouldBe(DesiredState.Stop);
        await runner.EndAsync(id, RuntimeEnd.Stopped, Stop);
        var back = await Founder.GetAsync($"tasks/{task}", Stop);
        back["state"].ShouldBe("ready");
        ((int)back.Body!["attempt"]!).ShouldBe(1);
    }

    [Fact]
    public async Task A_report_renews_slot_key_task_and_the_agents_liveness()
    {
        var runner = await RunnerAsync("renew");
        var task = await TaskAsync(await TicketAsync(), new { lease_seconds = 300 });
        var id = await RequestAsync(await DefinitionAsync(label: "renew"), task);
        var package = await runner.RunAsync(id, Stop);
        await ChangeAsync($"update leases set expires_at = clock_timestamp() + interval '60 s' where id = '{package.Task!.LeaseId}'");
        await ChangeAsync($"update runtimes set lease_expires_at = clock_timestamp() + interval '40 s' where id = '{id}'");
        await ChangeAsync($"update api_keys set expires_at = clock_timestamp() + interval '40 s' where actor_id = '{package.AgentId}'");
        var (lease, slot, key) = await ExpiriesAsync();

        await runner.ReportAsync(Stop);
        var (leaseNow, slotNow, keyNow) = await ExpiriesAsync();
        (leaseNow - lease).ShouldBeGreaterThan(TimeSpan.FromSeconds(200));
        slotNow.ShouldBeGreaterThan(slot);
        keyNow.ShouldBeGreaterThan(key);
        (await Founder.GetAsync($"agents/{package.AgentId}", Stop))["liveness"].ShouldBe("live");

        async Task<(DateTime Task, DateTime Slot, DateTime Key)> ExpiriesAsync() => (
            await Host.SqlAsync<DateTime>($"select expires_at from leases where id = '{package.Task.LeaseId}'", Stop),
            await Host.SqlAsync<DateTime>($"select lease_expires_at from runtimes where id = '{id}'", Stop),
            await Host.SqlAsync<DateTime>($"select max(expires_at) from api_keys where actor_id = '{package.AgentId}'", Stop));
    }
}
