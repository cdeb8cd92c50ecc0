using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.TestSupport;

namespace ControlCenter.E2E;

[Takes(seconds: 70)]
public sealed class SampleAgentTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("agent.sh")]
    [InlineData("agent.py")]
    public async Task A_sample_hands_in_the_right_findings_once_though_the_host_is_killed_while_it_works_and_while_it_waits(string sample)
    {
        using var folder = new AuditedFolder();
        await using var host = new HostProcess();
        await host.StartAsync(Stop);
        var ticket = await host.Founder.PostAsync("tickets", new { title = "House-keeping" }, Stop);
        var task = (await host.Founder.PostAsync($"tickets/{ticket["key"]}/tasks", new { title = "Audit", required_capabilities = new[] { "audit" } }, Stop))["task_id"];
        using var stream = await host.Founder.StreamAsync("?channel=work", Stop);
        using var agent = new SampleAgent(sample, folder.Path, host.Address);

        await stream.NextAsync(m => m.Data?["kind"]?.ToString() == "task.checkpoint", Stop);
        await KilledAndStartedAgainAsync(host);
        JsonNode? asked = null;
        await UntilAsync(agent, async () => (asked = (await host.Founder.GetAsync($"escalations?state=waiting&task_id={task}", Stop)).Body!["items"]!.AsArray().SingleOrDefault()) is not null);
        await KilledAndStartedAgainAsync(host);
        var decision = await host.Founder.PostAsync($"escalations/{asked!["escalation_id"]}/decision", new { verdict = "approved", action_hash = asked["action_hash"]!.ToString() }, Stop);
        decision.Status.ShouldBe(HttpStatusCode.OK, decision.Body?.ToJsonString());
        await UntilAsync(agent, async () => (await host.Founder.GetAsync($"tasks/{task}", Stop))["state"] == "completed");

        var done = (await host.Founder.GetAsync($"tasks/{task}", Stop)).Body!;
        var found = done["result"]!;
        found["large"]!.AsArray().Select(l => (l!["path"]!.ToString(), (int)l["bytes"]!)).ShouldBe([(folder.Large, AuditedFolder.LargeBytes)]);
        found["duplicates"]!.AsArray().ShouldHaveSingleItem()!.AsArray().Select(p => p!.ToString()).ShouldBe(folder.Same, ignoreOrder: true);
        found["todo"]!.AsArray().ShouldHaveSingleItem()!.ToString().ShouldStartWith(folder.Marker);
        done["attempts"]!.AsArray().Count.ShouldBe(1);

        // The log tells of it a moment after the task does.
        await UntilAsync(agent, async () => await CountAsync("task.completed") > 0);
        (await CountAsync("task.checkpoint"), await CountAsync("escalation.opened"), await CountAsync("task.completed")).ShouldBe((3, 1, 1));

        async Task<int> CountAsync(string kind) => (await host.Founder.GetAsync($"events?task_id={task}&kind={kind}", Stop)).Body!["items"]!.AsArray().Count;
    }

    private static async Task KilledAndStartedAgainAsync(HostProcess host)
    {
        await host.KillAsync();
        await host.StartAsync(Stop);
    }

    private static Task UntilAsync(SampleAgent agent, Func<Task<bool>> condition) => Patience.UntilAsync(
        async () =>
        {
            agent.IsRunning.ShouldBeTrue(agent.Said);
            return await condition();
        },
        Stop);
}
