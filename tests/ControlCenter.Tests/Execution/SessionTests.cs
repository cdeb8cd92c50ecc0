using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Execution;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Execution;

public sealed class SessionTests(HostFixture fixture) : RuntimeTests(fixture)
{
    [Fact]
    public async Task A_session_that_can_be_resumed_is_taken_up_by_the_next_runtime_on_the_same_host()
    {
        var (home, other) = (await RunnerAsync("resume"), await RunnerAsync("resume"));
        await ReportAsync(other, memoryUsedMb: 5_000);
        var definition = await DefinitionAsync(new { adapter = "claude-code" }, "resume");
        var task = await TaskAsync(await TicketAsync());
        var first = await RequestAsync(definition, task);
        var package = await home.RunAsync(first, Stop);
        home.Say(first, s => s with { NativeSessionId = "native-1", LastTool = "Bash", Signature = "x" });
        await home.ReportAsync(Stop);
        await home.EndAsync(first, RuntimeEnd.Failed, Stop, 1);
        var session = await Founder.GetAsync($"sessions/{package.SessionId}", Stop);
        session["state"].ShouldBe("interrupted");
        session.Body!["continuity"]!.GetValue<decimal>().ShouldBe(0.9m);

        // More room elsewhere draws it nowhere else.
        await ReportAsync(home, memoryUsedMb: 5_000);
        await ReportAsync(other, memoryUsedMb: 1_000);
        var requested = await Founder.PostAsync("runtimes", new { definition, task_id = task }, Stop);
        requested.Body!["takes_up_session"]!.GetValue<bool>().ShouldBeTrue();
        var next = await home.RunAsync(Guid.Parse(requested["runtime_id"]), Stop);
        next.SessionId.ShouldBe(package.SessionId);
        next.ResumeNativeSessionId.ShouldBe("native-1");
        next.Task!.Attempt.ShouldBe(2);
    }

    [Fact]
    public async Task A_session_whose_host_is_gone_by_the_time_of_its_slot_is_replaced_by_one_that_follows_it()
    {
        var (home, other) = (await RunnerAsync("replace"), await RunnerAsync("replace"));
        await ReportAsync(other, memoryUsedMb: 9_000);
        var definition = await DefinitionAsync(new { adapter = "claude-code" }, "replace");
        var task = await TaskAsync(await TicketAsync());
        var first = await RequestAsync(definition, task);
        var package = await home.RunAsync(first, Stop);
        home.Say(first, s => s with { NativeSessionId = "native-2" });
        await home.ReportAsync(Stop);
        await home.EndAsync(first, RuntimeEnd.Failed, Stop, 1);

        await ReportAsync(home, memoryUsedMb: 9_000);
        var id = await RequestAsync(definition, task);
        await home.Bus.PostAsync($"hosts/{home.HostId}/leave", null, Stop);
        await ReportAsync(other, memoryUsedMb: 1_000);
        var next = await other.RunAsync(id, Stop);
        next.SessionId.ShouldNotBe(package.SessionId);
        next.ResumeNativeSessionId.ShouldBeNull();
        (await Founder.GetAsync($"sessions/{next.SessionId}", Stop))["predecessor_id"].ShouldBe(package.SessionId.ToString());
    }

    [Fact]
    public async Task A_replacement_that_never_started_leaves_its_predecessor_to_the_next_one()
    {
        var (home, other) = (await RunnerAsync("unstarted"), await RunnerAsync("unstarted"));
        await ReportAsync(other, memoryUsedMb: 9_000);
        var definition = await DefinitionAsync(new { adapter = "claude-code" }, "unstarted");
        var task = await TaskAsync(await TicketAsync());
        var first = await RequestAsync(definition, task);
        var package = await home.RunAsync(first, Stop);
        home.Say(first, s => s with { NativeSessionId = "native-3" });
        await home.ReportAsync(Stop);
        await home.EndAsync(first, RuntimeEnd.Failed, Stop, 1);
        await home.Bus.PostAsync($"hosts/{home.HostId}/leave", null, Stop);

        // No room anywhere: it is called off before any process of it was seen.
        var called = await Founder.PostAsync("runtimes", new { definition, task_id = task }, Stop);
        called["session_id"].ShouldNotBe(package.SessionId.ToString());
        await Founder.PostAsync($"runtimes/{called["runtime_id"]}/stop", new { }, Stop);
        (await Founder.GetAsync($"sessions/{package.SessionId}", Stop))["state"].ShouldBe("interrupted");

        await ReportAsync(other, memoryUsedMb: 1_000);
        var next = await other.RunAsync(await RequestAsync(definition, task), Stop);
        (await Founder.GetAsync($"sessions/{next.SessionId}", Stop))["predecessor_id"].ShouldBe(package.SessionId.ToString());
        (await Founder.GetAsync($"sessions/{package.SessionId}", Stop))["state"].ShouldBe("ended");
    }

    [Fact]
    public async Task What_its_runtime_s_calls_cost_is_the_session_s_however_the_client_calls_it()
    {
        var runner = await RunnerAsync("costs");
        var package = await runner.RunAsync(await RequestAsync(await DefinitionAsync(label: "costs")), Stop);
        var attribute = Host.Services.GetRequiredService<AttributeCall>();
        var caller = new Caller(package.AgentId, package.AgentName, Role.AgentRuntime);
        (await attribute.FindAsync(caller, null, null, Stop)).SessionId.ShouldBe(package.SessionId.ToString());
        (await attribute.FindAsync(caller, "my own", null, Stop)).SessionId.ShouldBe(package.SessionId.ToString());
        var stranger = await AgentAsync();
        (await attribute.FindAsync(new Caller(Guid.Parse(stranger.Id), "stranger", Role.AgentRuntime), "my own", null, Stop)).SessionId.ShouldBe("my own");

        foreach (var cost in new[] { 0.25m, 0.5m })
        {
            (await Host.Client(package.Key).PostAsync(
                "cost-events", new { access_path = "api", session_id = package.SessionId.ToString(), billed_cost = cost, currency = "USD" }, Stop)).Status.ShouldBe(System.Net.HttpStatusCode.Created);
        }

        var costs = (await Founder.GetAsync($"sessions/{package.SessionId}/costs", Stop)).Body!;
        ((long)costs["uses"]!, (decimal)costs["by_currency"]![0]!["cost"]!).ShouldBe((2L, 0.75m));
        ((long)(await Founder.GetAsync($"sessions/{Guid.CreateVersion7()}/costs", Stop)).Body!["uses"]!).ShouldBe(0);
    }

    [Theory]
    [InlineData("go on", "ready")]
    [InlineData("begin anew", "ready")]
    [InlineData("cancel the task", "cancelled")]
    public async Task Where_tools_were_called_and_nothing_was_saved_a_human_decides_before_the_task_is_started_again(string option, string state)
    {
        var label = Fresh("uncertain");
        var definition = await DefinitionAsync(label: label);
        var task = await TaskAsync(await TicketAsync(), capability: label);
        var package = await InterruptedAfterToolsAsync(await RunnerAsync(label), definition, task);

        (await Founder.GetAsync($"sessions/{package.SessionId}", Stop))["state"].ShouldBe("uncertain");
        (await Founder.PostAsync("runtimes", new { definition, task_id = task }, Stop)).Code.ShouldBe("invalid_transition");
        var other = await AgentAsync(label);
        (await other.ClaimAsync(Stop)).ShouldBeNull();
        string? escalation = null;
        await Work.LeaseTests.Eventually(async () =>
            (escalation = (await Founder.GetAsync($"escalations?task_id={task}", Stop)).Body!["items"]!.AsArray().FirstOrDefault()?["escalation_id"]?.ToString()) is not null);

        var decided = await Founder.PostAsync($"escalations/{escalation}/decision", new { verdict = "answered", option }, Stop);
        decided.IsRefused.ShouldBeFalse(decided.Body?.ToJsonString());
        var session = option == "go on" ? "interrupted" : "ended";
        await Work.LeaseTests.Eventually(async () => (await Founder.GetAsync($"sessions/{package.SessionId}", Stop))["state"] == session);
        (await Founder.GetAsync($"tasks/{task}", Stop))["state"].ShouldBe(state);
        if (state == "ready")
        {
            (await other.ClaimAsync(Stop, waitSeconds: 5)).ShouldNotBeNull();
        }
    }

    [Fact]
    public async Task A_no_cancels_the_task_whose_session_is_uncertain()
    {
        var label = Fresh("denied");
        var task = await TaskAsync(await TicketAsync());
        await InterruptedAfterToolsAsync(await RunnerAsync(label), await DefinitionAsync(label: label), task);
        string? escalation = null;
        await Work.LeaseTests.Eventually(async () =>
            (escalation = (await Founder.GetAsync($"escalations?task_id={task}", Stop)).Body!["items"]!.AsArray().FirstOrDefault()?["escalation_id"]?.ToString()) is not null);
        await Founder.PostAsync($"escalations/{escalation}/decision", new { verdict = "denied" }, Stop);
        await Work.LeaseTests.Eventually(async () => (await Founder.GetAsync($"tasks/{task}", Stop))["state"] == "cancelled");
    }

    private async Task<StartPackage> InterruptedAfterToolsAsync(FakeRunner runner, string definition, string task)
    {
        var id = await RequestAsync(definition, task);
        var package = await runner.RunAsync(id, Stop);
        runner.Say(id, s => s with { LastTool = "send_mail", Signature = "sent" });
        await runner.ReportAsync(Stop);
        await runner.EndAsync(id, RuntimeEnd.Failed, Stop, 1);
        return package;
    }

    private Task<HostOrders> ReportAsync(FakeRunner runner, int memoryUsedMb)
    {
        runner.Load = runner.Load with { MemoryUsedMb = memoryUsedMb };
        return runner.ReportAsync(Stop);
    }
}
