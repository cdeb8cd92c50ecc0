using System.Text.Json.Nodes;
using ControlCenter.Runtime.Orchestration;
using ControlCenter.TestSupport;
using ControlCenter.Tests.Execution;
using ControlCenter.Tests.Work;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Orchestration;

/// <summary>An agent that goes in circles or stands still is told of, once.</summary>
[Takes(seconds: 45)]
public sealed class ProgressTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task One_that_calls_the_same_tool_again_and_again_is_told_of_once_and_again_after_progress()
    {
        var agent = await AgentAsync("any");
        var runtime = await Host.RuntimeAsync(await HostAsync(), await Host.DefinitionAsync(Stop, capabilities: ["none"]), agent, Stop);
        await SetAsync(runtime, "repeated_calls = 8, last_tool = 'read_file', signature = 'a'");
        await LeaseTests.Eventually(async () => (await EscalationsAsync(runtime)).Count == 1);
        (await EscalationsAsync(runtime))[0]["detail"]!.ToString().ShouldStartWith("it has called read_file 8 times in a row with the same arguments");
        await SetAsync(runtime, "repeated_calls = 9");
        await LookedAsync();
        (await EscalationsAsync(runtime)).Count.ShouldBe(1);

        await SetAsync(runtime, "repeated_calls = 1, signature = 'b'");
        await LeaseTests.Eventually(async () => await Host.SqlAsync<long>($"select count(*) from events where kind = 'runtime.unstuck' and subject_id = '{runtime.Id}'", Stop) == 1);
        await SetAsync(runtime, "repeated_calls = 8");
        await LeaseTests.Eventually(async () => (await EscalationsAsync(runtime)).Count == 2);
    }

    [Fact]
    public async Task One_that_shows_no_progress_with_a_task_in_its_hands_is_told_of_but_not_while_it_waits_for_a_human_or_has_no_work()
    {
        var capability = $"standing-{Guid.NewGuid():N}";
        var (working, waiting, without) = (await AgentAsync(capability), await AgentAsync(capability), await AgentAsync("none"));
        var host = await HostAsync();
        var definition = await Host.DefinitionAsync(Stop, capabilities: ["none"]);
        var ticket = await TicketAsync();
        await TaskAsync(ticket, new { lease_seconds = 3600 }, capability);
        await TaskAsync(ticket, new { lease_seconds = 3600 }, capability);
        var held = (await working.ClaimAsync(Stop))!;
        var asked = (await waiting.ClaimAsync(Stop))!;
        await waiting.Bus.PostAsync("escalations", new { kind = "question", title = "?", task_id = asked.TaskId, lease_id = asked.LeaseId, fencing_token = asked.FencingToken }, Stop);
        await Host.RunAsync("update tasks set updated_at = updated_at - interval '1 hour' where id = any(@ids)", Stop, ("ids", new[] { Guid.Parse(held.TaskId), Guid.Parse(asked.TaskId) }));
        var runtimes = new List<RuntimeRow>();
        foreach (var agent in new[] { working, waiting, without })
        {
            runtimes.Add(await Host.RuntimeAsync(host, definition, agent, Stop));
            await SetAsync(runtimes[^1], "progress_at = clock_timestamp() - interval '11 minutes', ready_at = clock_timestamp() - interval '1 hour'");
        }

        await LeaseTests.Eventually(async () => (await EscalationsAsync(runtimes[0])).Count == 1);
        (await EscalationsAsync(runtimes[0]))[0].ShouldSatisfyAllConditions(
            e => e["detail"]!.ToString().ShouldStartWith("no progress for 10 min"), e => e["task_id"]!.ToString().ShouldBe(held.TaskId), e => e["kind"]!.ToString().ShouldBe("intervention"));
        await LookedAsync();
        (await EscalationsAsync(runtimes[1])).ShouldBeEmpty();
        (await EscalationsAsync(runtimes[2])).ShouldBeEmpty();
    }

    // Nobody runs them, so nobody reports of them: without an hour ahead of them the host would be lost and its runtimes ended while a slow machine looks.
    private async Task<HostRow> HostAsync()
    {
        var host = await Host.HostAsync(Stop);
        await Host.RunAsync("update hosts set last_report_at = clock_timestamp() + interval '1 hour' where id = @id", Stop, ("id", host.Id));
        return host;
    }

    private Task SetAsync(RuntimeRow runtime, string what) =>
        Host.RunAsync($"update runtimes set lease_expires_at = clock_timestamp() + interval '1 hour', {what} where id = @id", Stop, ("id", runtime.Id));

    private async Task LookedAsync()
    {
        var service = Host.Services.GetRequiredService<WatchProgress>();
        await service.NextCycleAsync();
        await service.NextCycleAsync();
    }

    private async Task<List<JsonNode>> EscalationsAsync(RuntimeRow runtime) =>
        [.. (await Founder.GetAsync("escalations?state=waiting&limit=200", Stop)).Body!["items"]!.AsArray().Select(e => e!).Where(e => e["detail"]?.ToString().Contains(runtime.Id.ToString()) == true)];
}
