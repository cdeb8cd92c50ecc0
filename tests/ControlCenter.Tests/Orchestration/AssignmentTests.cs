using System.Text.Json.Nodes;
using ControlCenter.TestSupport;
using ControlCenter.Tests.Execution;
using ControlCenter.Tests.Work;

namespace ControlCenter.Tests.Orchestration;

/// <summary>Every ready task gets somebody, or waits with a reason; and why is kept.</summary>
[Takes(seconds: 20)]
public sealed class AssignmentTests(HostFixture fixture) : BusTests(fixture)
{
    private static int _words;

    private readonly string _word = $"word-{Interlocked.Increment(ref _words)}";

    [Fact]
    public async Task An_agent_is_started_for_a_task_that_nobody_idle_can_do_and_the_reasons_are_kept()
    {
        await HostAsync();
        await Host.DefinitionAsync(Stop, $"specialist-{_word}", capabilities: [_word]);
        await Host.DefinitionAsync(Stop, $"generalist-{_word}", capabilities: [_word, "a", "b", "c"]);
        var task = await TaskAsync(await TicketAsync(), capability: _word);
        var assignment = await AssignedAsync(task, "spawned");
        assignment["agent_name"]!.ToString().ShouldBe($"specialist-{_word}");
        assignment["epoch"]!.GetValue<long>().ShouldBeGreaterThan(0);
        assignment["reason"]!.ToString().ShouldContain($"can do {_word}");
        assignment["candidates"]!.AsArray().Select(c => c!["definition"]!.ToString()).ShouldBe([$"specialist-{_word}", $"generalist-{_word}"]);
        (await Host.SqlAsync<long>($"select count(*) from runtimes where task_id = '{task}' and phase <> 'ended' and reason like '%{_word}%'", Stop)).ShouldBe(1);
        (await Host.SqlAsync<long>($"select count(*) from events where kind = 'task.assigned' and task_id = '{task}'", Stop)).ShouldBe(1);
    }

    [Fact]
    public async Task A_task_waits_with_one_reason_for_as_long_as_that_is_the_reason()
    {
        await HostAsync();
        await Host.DefinitionAsync(Stop, capabilities: ["something-else"]);
        var task = await TaskAsync(await TicketAsync(), capability: _word);
        var waits = await AssignedAsync(task, "waits");
        waits["reason"]!.ToString().ShouldBe($"no agent's definition has the capability {_word}");
        (await Founder.GetAsync("orchestrator", Stop)).Body!["waiting_tasks"]!.AsArray().ShouldContain(t => t!["task_id"]!.ToString() == task);

        // Looks at it come and go, and nothing is added; what it lacked comes, and it goes on.
        await LookedAsync();
        await LookedAsync();
        (await AssignmentsAsync(task)).Count.ShouldBe(1);
        await Host.DefinitionAsync(Stop, capabilities: [_word]);
        await AssignedAsync(task, "spawned");
        (await AssignmentsAsync(task)).Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_task_is_left_to_an_idle_agent_first_and_another_is_started_when_it_does_not_claim_it()
    {
        await HostAsync();
        await Host.DefinitionAsync(Stop, $"starter-{_word}", capabilities: [_word]);
        var idle = await AgentAsync(_word);
        await idle.Bus.PostAsync($"agents/{idle.Id}/heartbeat", new { state = "idle" }, Stop);
        var task = await TaskAsync(await TicketAsync(), capability: _word);
        (await AssignedAsync(task, "idle_agent"))["agent_id"]!.ToString().ShouldBe(idle.Id);
        (await AssignedAsync(task, "spawned"))["agent_name"]!.ToString().ShouldBe($"starter-{_word}");
    }

    [Fact]
    public async Task More_than_its_instances_are_never_started()
    {
        await HostAsync();
        await Host.DefinitionAsync(Stop, $"pair-{_word}", capabilities: [_word], instances: 2);
        var ticket = await TicketAsync();
        foreach (var task in new[] { await TaskAsync(ticket, capability: _word), await TaskAsync(ticket, capability: _word) })
        {
            await AssignedAsync(task, "spawned");
            await StaysAsync(task);
        }

        (await AssignedAsync(await TaskAsync(ticket, capability: _word), "waits"))["reason"]!.ToString().ShouldBe($"pair-{_word}: all 2 instances of it are busy");
    }

    [Fact]
    public async Task A_project_has_no_more_under_way_than_is_allowed_and_the_sooner_due_of_two_goes_first()
    {
        await HostAsync();
        await Host.DefinitionAsync(Stop, capabilities: [_word], instances: 20);
        var ticket = (await Founder.PostAsync("tickets", new { title = "A ticket", project = _word }, Stop))["key"];
        await LimitAsync(new { most_per_project = 1 });
        var held = await TaskAsync(ticket, capability: _word);
        await AssignedAsync(held, "spawned");
        await StaysAsync(held);
        var later = await TaskAsync(ticket, new { due_at = "2030-01-02T00:00:00Z" }, _word);
        (await AssignedAsync(later, "waits"))["reason"]!.ToString().ShouldBe($"the project '{_word}' has 1 tasks under way, which is the most");
        var sooner = await TaskAsync(ticket, new { due_at = "2030-01-01T00:00:00Z" }, _word);
        await AssignedAsync(sooner, "waits");
        await LimitAsync(new { most_per_project = 2 });
        await AssignedAsync(sooner, "spawned");
        await StaysAsync(sooner);
        await LookedAsync();
        (await AssignmentsAsync(later))[0]!["outcome"]!.ToString().ShouldBe("waits");
        await LimitAsync(new { });
        await AssignedAsync(later, "spawned");
    }

    // Nobody runs them, so nobody reports of them: without an hour ahead of them the host would be lost and its runtimes ended while a slow machine looks.
    private async Task HostAsync() => await Host.RunAsync(
        "update hosts set last_report_at = clock_timestamp() + interval '1 hour' where id = @id", Stop, ("id", (await Host.HostAsync(Stop)).Id));

    private Task StaysAsync(string task) => LeaseTests.Eventually(async () => await Host.SqlAsync<long>(
        $"""
        with stays as (
            update runtimes set seen_at = clock_timestamp() + interval '1 hour', granted_at = clock_timestamp() + interval '1 hour', lease_expires_at = clock_timestamp() + interval '1 hour'
            where task_id = '{task}' and phase = 'granted' returning 1)
        select count(*) from stays
        """, Stop) == 1);

    private Task LimitAsync(object policy) =>
        Founder.SendAsync(HttpMethod.Put, "orchestrator/policy", System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(policy), null, Stop);

    private async Task LookedAsync()
    {
        var service = (Runtime.Orchestration.AssignTasks)Host.Services.GetService(typeof(Runtime.Orchestration.AssignTasks))!;
        await service.NextCycleAsync();
        await service.NextCycleAsync();
    }

    private async Task<JsonArray> AssignmentsAsync(string task) => (await Founder.GetAsync($"tasks/{task}/assignments", Stop)).Body!["items"]!.AsArray();

    private async Task<JsonNode> AssignedAsync(string task, string outcome)
    {
        // Not only the newest: a slow machine may find it followed by another already.
        JsonNode? found = null;
        await LeaseTests.Eventually(async () => (found = (await AssignmentsAsync(task)).FirstOrDefault(a => a!["outcome"]!.ToString() == outcome)) is not null);
        return found!;
    }
}
