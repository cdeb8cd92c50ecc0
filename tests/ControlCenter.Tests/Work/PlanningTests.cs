using System.Net;

namespace ControlCenter.Tests.Work;

public sealed class PlanningTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task Work_is_handed_out_by_priority_and_then_by_age()
    {
        var agent = await AgentAsync("order");
        var ticket = await TicketAsync();
        var low = await TaskAsync(ticket, new { priority = 0 }, "order");
        var first = await TaskAsync(ticket, new { priority = 3 }, "order");
        var second = await TaskAsync(ticket, new { priority = 3 }, "order");
        var urgent = await TaskAsync(ticket, new { priority = 4 }, "order");

        var got = new List<string>();
        while (await agent.ClaimAsync(Stop) is { } held)
        {
            got.Add(held.TaskId);
        }

        got.ShouldBe([urgent, first, second, low]);
    }

    [Fact]
    public async Task A_task_is_blocked_until_everything_that_it_depends_on_is_completed()
    {
        var agent = await AgentAsync("chain");
        var ticket = await TicketAsync();
        var (a, b) = (await TaskAsync(ticket, capability: "chain"), await TaskAsync(ticket, capability: "chain"));
        var last = await TaskAsync(ticket, new { depends_on = new[] { a, b } }, "chain");
        (await Founder.GetAsync($"tasks/{last}", Stop))["state"].ShouldBe("blocked");

        var held = new[] { (await agent.ClaimAsync(Stop))!, (await agent.ClaimAsync(Stop))! };
        (await agent.ClaimAsync(Stop)).ShouldBeNull();
        await Task.WhenAll(held.Select(h => agent.WriteAsync(h, "complete", Stop)));

        (await agent.ClaimAsync(Stop, waitSeconds: 60)).ShouldNotBeNull().TaskId.ShouldBe(last);
    }

    [Fact]
    public async Task A_circle_of_dependencies_is_refused()
    {
        var ticket = await TicketAsync();
        var a = await TaskAsync(ticket, capability: "circle");
        var b = await TaskAsync(ticket, new { depends_on = new[] { a } }, "circle");
        var c = await TaskAsync(ticket, new { depends_on = new[] { b } }, "circle");

        var refused = await Founder.SendAsync(
            HttpMethod.Put, $"tasks/{a}/dependencies", System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new { depends_on = new[] { c } }), null, Stop);

        refused.Status.ShouldBe(HttpStatusCode.BadRequest);
        refused.Code.ShouldBe("cyclic_dependency");
        (await Founder.GetAsync($"tasks/{a}", Stop))["state"].ShouldBe("ready");
    }

    [Fact]
    public async Task An_agent_is_only_handed_what_it_is_able_to_do()
    {
        var ticket = await TicketAsync();
        await TaskAsync(ticket, new { required_capabilities = new[] { "gpu-x", "cuda-x" } });
        (await (await AgentAsync("gpu-x")).ClaimAsync(Stop)).ShouldBeNull();
        (await (await AgentAsync("cuda-x", "gpu-x", "more")).ClaimAsync(Stop)).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_waiting_claim_is_answered_as_soon_as_work_is_planned()
    {
        var agent = await AgentAsync("patient");
        var waiting = agent.ClaimAsync(Stop, waitSeconds: 60);
        var task = await TaskAsync(await TicketAsync(), capability: "patient");
        (await waiting.WaitAsync(TimeSpan.FromSeconds(50), Stop)).ShouldNotBeNull().TaskId.ShouldBe(task);
    }

    [Fact]
    public async Task A_paused_agent_gets_no_work_until_it_is_resumed()
    {
        var agent = await AgentAsync("pausable");
        await TaskAsync(await TicketAsync(), capability: "pausable");
        await Founder.PostAsync($"agents/{agent.Id}/interventions", new { kind = "pause" }, Stop);
        (await agent.ClaimAsync(Stop)).ShouldBeNull();
        await Founder.PostAsync($"agents/{agent.Id}/interventions", new { kind = "resume" }, Stop);
        (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_stopped_agent_gets_no_work_until_it_has_acknowledged_the_stop()
    {
        var agent = await AgentAsync("stoppable");
        var task = await TaskAsync(await TicketAsync(), capability: "stoppable");
        var stop = await Founder.PostAsync($"agents/{agent.Id}/interventions", new { kind = "stop" }, Stop);
        (await agent.ClaimAsync(Stop)).ShouldBeNull();

        var waiting = agent.ClaimAsync(Stop, waitSeconds: 60);
        (await agent.Bus.PostAsync($"interventions/{stop["intervention_id"]}/ack", null, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await waiting.WaitAsync(TimeSpan.FromSeconds(50), Stop)).ShouldNotBeNull().TaskId.ShouldBe(task);
    }

    [Fact]
    public async Task The_last_word_counts_when_an_agent_is_stopped_and_told_to_resume_before_it_has_heard_of_either()
    {
        var agent = await AgentAsync("hesitated");
        await TaskAsync(await TicketAsync(), capability: "hesitated");
        foreach (var kind in new[] { "pause", "stop", "resume", "stop" })
        {
            await Founder.PostAsync($"agents/{agent.Id}/interventions", new { kind }, Stop);
        }

        (await agent.ClaimAsync(Stop)).ShouldBeNull();
        await Founder.PostAsync($"agents/{agent.Id}/interventions", new { kind = "resume" }, Stop);
        (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_ticket_keeps_what_an_edit_leaves_out_and_loses_what_it_sets_to_null()
    {
        var ticket = await Founder.PostAsync("tickets", new { title = "Clear me", description = "Long", project = "atlas" }, Stop);
        async Task<TestSupport.BusAnswer> PatchAsync(string body) =>
            await Founder.SendAsync(HttpMethod.Patch, $"tickets/{ticket["key"]}", System.Text.Encoding.UTF8.GetBytes(body), null, Stop);

        var renamed = await PatchAsync("""{ "title": "Renamed" }""");
        renamed["project"].ShouldBe("atlas");
        renamed["description"].ShouldBe("Long");

        var cleared = (await PatchAsync("""{ "project": null }""")).Body!.AsObject();
        cleared["project"].ShouldBeNull();
        cleared["description"]!.ToString().ShouldBe("Long");
        (await PatchAsync("""{ "description": null, "project": "zephyr" }"""))["project"].ShouldBe("zephyr");
        var kept = (await Founder.GetAsync($"tickets/{ticket["key"]}", Stop)).Body!;
        kept["description"].ShouldBeNull();
        kept["project"]!.ToString().ShouldBe("zephyr");

        (await PatchAsync("""{ "project": 7 }""")).Code.ShouldBe("validation_failed");
        (await PatchAsync("""{ "project": "" }""")).Code.ShouldBe("validation_failed");
    }

    [Fact]
    public async Task A_ticket_is_found_by_key_and_id_changes_by_its_table_and_is_listed_page_by_page()
    {
        var key = await TicketAsync();
        var ticket = await Founder.GetAsync($"tickets/{key}", Stop);
        (await Founder.GetAsync($"tickets/{ticket["ticket_id"]}", Stop))["key"].ShouldBe(key);

        async Task<TestSupport.BusAnswer> PatchAsync(object body) =>
            await Founder.SendAsync(HttpMethod.Patch, $"tickets/{key}", System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(body), null, Stop);
        (await PatchAsync(new { state = "done", title = "Renamed" }))["title"].ShouldBe("Renamed");
        (await PatchAsync(new { state = "in_progress" })).Code.ShouldBe("invalid_transition");

        await TicketAsync();
        var page = await Founder.GetAsync("tickets?limit=1", Stop);
        page.Body!["items"]!.AsArray().Count.ShouldBe(1);
        var next = await Founder.GetAsync($"tickets?limit=1&cursor={page["next_cursor"]}", Stop);
        next.Body!["items"]![0]!["key"]!.ToString().ShouldNotBe(page.Body["items"]![0]!["key"]!.ToString());
    }

    [Fact]
    public async Task Work_is_not_handed_out_while_execution_is_not_admitted()
    {
        var agent = await AgentAsync("closed");
        async Task SetAsync(string level) =>
            (await Founder.SendAsync(HttpMethod.Put, "admission", System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new { level, reason = "a test" }), null, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        await SetAsync("read_only");
        try
        {
            var refused = await agent.Bus.PostAsync("tasks/claim", new { agent_id = agent.Id }, Stop);
            refused.Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
            refused.Code.ShouldBe("admission_closed");
        }
        finally
        {
            await SetAsync("full");
        }
    }
}
