using System.Net;

namespace ControlCenter.Tests.Bus;

public sealed class PagingTests(HostFixture fixture) : BusTests(fixture)
{
    [Theory]
    [InlineData("agents?limit=2", "agent_id")]
    [InlineData("escalations?limit=2&state=waiting", "escalation_id")]
    [InlineData("escalations?limit=2", "escalation_id")]
    public async Task Rows_of_the_same_microsecond_are_each_on_one_page(string path, string key)
    {
        var made = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            var agent = await AgentAsync();
            var asked = await agent.Bus.PostAsync("escalations", new { kind = "question", title = $"Question {i}" }, Stop);
            made.Add(key == "agent_id" ? agent.Id : asked["escalation_id"]);
        }

        await Host.SqlAsync<int>("with u as (update agents set created_at = '2026-01-01' returning 1) select count(*)::int from u", Stop);
        await Host.SqlAsync<int>("with u as (update escalations set opened_at = '2026-01-01' returning 1) select count(*)::int from u", Stop);

        var seen = new List<string>();
        string? cursor = null;
        do
        {
            var page = await Founder.GetAsync(path + (cursor is null ? "" : $"&cursor={cursor}"), Stop);
            page.Status.ShouldBe(HttpStatusCode.OK, page.Body?.ToJsonString());
            page.Body!["items"]!.AsArray().Count.ShouldBeLessThanOrEqualTo(2);
            seen.AddRange(page.Body!["items"]!.AsArray().Select(i => i![key]!.ToString()));
            cursor = page.Body!["next_cursor"]?.ToString();
        }
        while (cursor is not null);

        seen.ShouldBeUnique();
        made.ShouldBeSubsetOf(seen);
    }

    [Fact]
    public async Task A_cursor_of_another_list_or_of_nobody_is_refused()
    {
        await TicketAsync();
        await TicketAsync();
        await AgentAsync();
        await AgentAsync();
        var ofTickets = (await Founder.GetAsync("tickets?limit=1", Stop))["next_cursor"];
        var ofAgents = (await Founder.GetAsync("agents?limit=1", Stop))["next_cursor"];
        foreach (var path in new[]
        {
            $"agents?cursor={ofTickets}", $"tickets?cursor={ofAgents}", "tasks?cursor=LTU", "escalations?cursor=*%20x", $"agents?cursor={new string('_', 32)}",
            $"agents?cursor={new string('A', 4000)}", "tickets?limit=0", "tickets?limit=201",
        })
        {
            var answer = await Founder.GetAsync(path, Stop);
            answer.Status.ShouldBe(HttpStatusCode.BadRequest, path);
            answer.Code.ShouldBe("validation_failed", path);
        }
    }

    [Fact]
    public async Task A_task_names_what_it_waits_for_and_what_waits_for_it_and_its_lease_without_its_token()
    {
        var ticket = await TicketAsync();
        var first = await TaskAsync(ticket, capability: "paging");
        var second = await TaskAsync(ticket, new { depends_on = new[] { first } }, "paging");
        var agent = await AgentAsync("paging");
        var held = (await agent.ClaimAsync(Stop))!;
        await agent.WriteAsync(held, "checkpoint", Stop, new { state = new { n = 1 } });

        var listed = (await Founder.GetAsync($"tasks?ticket={ticket}", Stop)).Body!["items"]!.AsArray();
        listed[0]!["lease"]!["agent_id"]!.ToString().ShouldBe(agent.Id);
        listed[0]!["lease"]!.AsObject().ContainsKey("fencing_token").ShouldBeFalse();
        listed[1]!["lease"].ShouldBeNull();
        listed[1]!["depends_on"]![0]!.ToString().ShouldBe(first);

        var detail = (await Founder.GetAsync($"tasks/{first}", Stop)).Body!;
        detail["checkpoint"]!["state"]!["n"]!.GetValue<int>().ShouldBe(1);
        detail["dependents"]![0]!["task_id"]!.ToString().ShouldBe(second);
        detail["attempts"]!.AsArray().Count.ShouldBe(1);
        var activity = detail["activity"]!.AsArray();
        activity.Select(a => (long)a!["seq"]!).ShouldBeInOrder();
        activity[^1]!["kind"]!.ToString().ShouldBe("task.checkpoint");
        activity[^1]!["task_id"]!.ToString().ShouldBe(first);

        var seen = (await Founder.GetAsync($"agents/{agent.Id}", Stop)).Body!;
        seen["leases_held"]!.GetValue<int>().ShouldBe(1);
        seen["leases"]![0]!["task_id"]!.ToString().ShouldBe(first);
    }

    [Fact]
    public async Task An_escalation_says_how_many_tasks_wait_behind_it()
    {
        var ticket = await TicketAsync();
        var first = await TaskAsync(ticket, capability: "blocks");
        await TaskAsync(ticket, new { depends_on = new[] { first } }, "blocks");
        await TaskAsync(ticket, new { depends_on = new[] { first } }, "blocks");
        var agent = await AgentAsync("blocks");
        var held = (await agent.ClaimAsync(Stop))!;
        var asked = await agent.Bus.PostAsync(
            "escalations", new { kind = "approval", title = "May I?", task_id = first, lease_id = held.LeaseId, fencing_token = held.FencingToken }, Stop);
        var found = (await Founder.GetAsync($"escalations/{asked["escalation_id"]}", Stop)).Body!;
        found["blocks"]!.GetValue<int>().ShouldBe(2);
        found["requested_by_role"]!.ToString().ShouldBe("agent_runtime");
        found["lease_lost"]!.GetValue<bool>().ShouldBeFalse();
        await ExpireAsync(held);
        (await Founder.GetAsync($"escalations/{asked["escalation_id"]}", Stop)).Body!["lease_lost"]!.GetValue<bool>().ShouldBeTrue();
    }
}
