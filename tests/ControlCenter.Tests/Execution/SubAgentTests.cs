using System.Net;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Governance;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Execution;

public sealed class SubAgentTests(HostFixture fixture) : RuntimeTests(fixture)
{
    [Fact]
    public async Task An_agent_has_sub_agents_of_its_own_started_within_its_limits_and_its_stop_stops_them_all()
    {
        var runner = await RunnerAsync("tree");
        var (root, agent) = await RunningAsync(runner, new { limits = new { depth = 2, fan_out = 2, wall_seconds = 100 } }, "tree");
        var child = await DefinitionAsync(new { instances = 5, limits = new { depth = 9, fan_out = 9, wall_seconds = 999 } }, "tree");

        var first = await agent.PostAsync("runtimes", new { definition = child }, Stop);
        first.Status.ShouldBe(HttpStatusCode.Created, first.Body?.ToJsonString());
        first["parent_id"].ShouldBe(root.ToString());
        var second = await agent.PostAsync("runtimes", new { definition = child }, Stop);
        (await agent.PostAsync("runtimes", new { definition = child }, Stop)).Code.ShouldBe("no_instance_free");

        var limits = (await Founder.GetAsync($"runtimes/{first["runtime_id"]}", Stop)).Body!["definition"]!["limits"]!;
        (limits["depth"]!.GetValue<int>(), limits["fan_out"]!.GetValue<int>(), limits["wall_seconds"]!.GetValue<int>()).ShouldBe((1, 2, 100));

        var package = await runner.RunAsync(Guid.Parse(first["runtime_id"]), Stop);
        package.Depth.ShouldBe(1);
        var grandchild = await Host.Client(package.Key).PostAsync("runtimes", new { definition = child }, Stop);
        grandchild.Status.ShouldBe(HttpStatusCode.Created, grandchild.Body?.ToJsonString());

        (await Founder.PostAsync($"runtimes/{root}/stop", new { }, Stop)).Body!["stopping"]!.GetValue<int>().ShouldBe(4);
        (await RuntimeAsync(Guid.Parse(second["runtime_id"])))["end"]!.ToString().ShouldBe("cancelled");
        (await RuntimeAsync(Guid.Parse(grandchild["runtime_id"])))["end"]!.ToString().ShouldBe("cancelled");
        (await runner.ReportAsync(Stop)).Runtimes.ShouldAllBe(r => r.Desired == DesiredState.Stop);
    }

    [Fact]
    public async Task Beyond_its_depth_an_agent_starts_nothing()
    {
        var runner = await RunnerAsync("deep");
        var (_, agent) = await RunningAsync(runner, new { limits = new { depth = 0 } }, "deep");
        (await agent.PostAsync("runtimes", new { definition = await DefinitionAsync() }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Theory]
    [InlineData("""{"capabilities":["b"],"tools":["read"]}""", HttpStatusCode.Forbidden)]
    [InlineData("""{"capabilities":["a"],"tools":["write"]}""", HttpStatusCode.Forbidden)]
    [InlineData("""{"capabilities":["a"]}""", HttpStatusCode.Forbidden)]
    [InlineData("""{"capabilities":["a"],"tools":["read"]}""", HttpStatusCode.Created)]
    public async Task A_sub_agent_can_and_may_no_more_than_its_parent(string child, HttpStatusCode status)
    {
        var label = Fresh("narrow");
        var runner = await RunnerAsync(label);
        var (_, agent) = await RunningAsync(runner, new { capabilities = new[] { "a" }, tools = new[] { "read" } }, label);
        var definition = await DefinitionAsync(System.Text.Json.Nodes.JsonNode.Parse(child));
        (await agent.PostAsync("runtimes", new { definition }, Stop)).Status.ShouldBe(status);
    }

    [Fact]
    public async Task An_agent_starts_under_itself_only_and_stops_only_what_was_started_under_it()
    {
        var runner = await RunnerAsync("own");
        var (mine, agent) = await RunningAsync(runner, new { }, "own");
        var (other, _) = await RunningAsync(runner, new { }, "own");
        var definition = await DefinitionAsync(new { instances = 3 }, "nowhere");
        (await agent.PostAsync("runtimes", new { definition, parent = other }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await (await AgentAsync()).Bus.PostAsync("runtimes", new { definition }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await agent.PostAsync($"runtimes/{other}/stop", new { }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await agent.PostAsync($"runtimes/{mine}/stop", new { }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        var child = await RequestAsync(definition, by: agent);
        (await agent.PostAsync($"runtimes/{child}/stop", new { }, Stop)).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task What_a_sub_agent_spends_counts_for_its_ancestors_budgets()
    {
        var runner = await RunnerAsync("spends");
        var (root, agent) = await RunningAsync(runner, new { }, "spends");
        var child = await RequestAsync(await DefinitionAsync(label: "spends"), by: agent);
        var package = await runner.RunAsync(child, Stop);
        var parent = (await RuntimeAsync(root))["agent_id"]!.ToString();
        var budget = await Founder.PostAsync("budgets", new { scope = "agent", scope_id = parent, period = "total", hard_limit = 10, currency = "USD" }, Stop);
        budget.Status.ShouldBe(HttpStatusCode.Created, budget.Body?.ToJsonString());

        (await Host.Client(package.Key).PostAsync(
            "cost-events", new { access_path = "api", agent_runtime_id = package.AgentId.ToString(), billed_cost = 4, currency = "USD" }, Stop)).Status.ShouldBe(HttpStatusCode.Created);
        var spent = (await Founder.GetAsync($"budgets/{budget["budget_id"]}", Stop)).Body!;
        spent["budget"]!["spent"]!.GetValue<decimal>().ShouldBe(4, spent.ToJsonString());
    }

    [Fact]
    public async Task What_is_set_aside_for_a_sub_agent_s_call_is_set_aside_with_its_ancestors_budgets_and_a_runaway_of_its_stops_them_all()
    {
        var runner = await RunnerAsync("reserves");
        var (root, agent) = await RunningAsync(runner, new { }, "reserves");
        var package = await runner.RunAsync(await RequestAsync(await DefinitionAsync(label: "reserves"), by: agent), Stop);
        var parent = (await RuntimeAsync(root))["agent_id"]!.ToString();
        var budget = await Founder.PostAsync("budgets", new { scope = "agent", scope_id = parent, period = "total", hard_limit = 10, currency = "USD" }, Stop);
        budget.Status.ShouldBe(HttpStatusCode.Created, budget.Body?.ToJsonString());

        var who = new Attribution(package.AgentId, package.AgentId);
        var reserve = Host.Services.GetRequiredService<ReserveSpend>();
        await reserve.ExecuteAsync(who, "m", "p", new Money(8, "USD"), Stop);
        (await Should.ThrowAsync<BudgetExhaustedException>(() => reserve.ExecuteAsync(who, "m", "p", new Money(3, "USD"), Stop))).BudgetId.ToString().ShouldBe(budget["budget_id"]);

        var set = await Founder.SendAsync(
            HttpMethod.Put, "policies/one-tree", System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new { scope = "agent", scope_id = parent, signal = "spend_rate", allowed = 0 }), null, Stop);
        set.Status.ShouldBe(HttpStatusCode.OK, set.Body?.ToJsonString());
        (await Host.Client(package.Key).PostAsync("cost-events", new { access_path = "api", billed_cost = 1, currency = "USD" }, Stop)).Status.ShouldBe(HttpStatusCode.Created);
        var breakers = Host.Services.GetRequiredService<SpendBreakers>();
        await Work.LeaseTests.Eventually(async () =>
        {
            try
            {
                await breakers.CheckAsync(who, "m", "p", new Money(1, "USD"), Stop);
                return false;
            }
            catch (UnavailableException refused)
            {
                return refused.Code == "breaker_open";
            }
        });
        await Founder.SendAsync(HttpMethod.Delete, "policies/one-tree", null, null, Stop);
    }

    private async Task<(Guid Runtime, BusClient Agent)> RunningAsync(FakeRunner runner, object definition, string label)
    {
        var id = await RequestAsync(await DefinitionAsync(definition, label));
        return (id, Host.Client((await runner.RunAsync(id, Stop)).Key));
    }
}
