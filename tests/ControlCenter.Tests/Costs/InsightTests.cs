using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.Runtime.Costs;
using ControlCenter.Tests.Work;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Costs;

public sealed class InsightTests(HostFixture fixture) : BusTests(fixture)
{
    private static int _names;

    private readonly string _name = $"insight-{Interlocked.Increment(ref _names)}";

    [Fact]
    public async Task A_task_is_cost_observable_once_all_five_questions_are_answered_of_it()
    {
        var agent = await AgentAsync(_name);
        var task = await TaskAsync(await TicketAsync(), capability: _name);
        (await CostsAsync(task))["cost_observable"].ShouldBeNull("nobody has worked on it");
        (await Founder.GetAsync($"tasks/{Guid.CreateVersion7()}/costs", Stop)).Status.ShouldBe(HttpStatusCode.NotFound);

        await agent.ClaimAsync(Stop);
        var silent = await CostsAsync(task);
        silent["cost_observable"]!.GetValue<bool>().ShouldBeFalse();
        GapsOf(silent, "modules").ShouldBe(["1 agent held the task, and no use of a module was recorded"]);

        var use = Guid.CreateVersion7();
        await agent.Bus.PostAsync("cost-events", new { access_path = "api", event_id = use, module_id = "writer", provider = "p", latency_ms = 40, retries = 1 }, Stop);
        var unknown = await CostsAsync(task);
        (unknown["cost_observable"]!.GetValue<bool>(), unknown["unknown_cost_events"]!.ToString()).ShouldBe((false, "1"));
        unknown["answers"]!.AsArray().Where(a => !a!["answered"]!.GetValue<bool>()).Select(a => a!["question"]!.ToString()).ShouldBe(["cost"]);

        await Founder.PostAsync("cost-events", new { access_path = "api", corrects = use, task_id = task, module_id = "writer", provider = "p", estimated_cost = 0.25m }, Stop);
        var known = await CostsAsync(task);
        known["cost_observable"]!.GetValue<bool>().ShouldBeTrue(known.ToJsonString());
        (known["by_currency"]![0]!["cost"]!.ToString(), known["modules"]!.AsArray().Single()!["module"]!.ToString(), known["runtimes"]!.AsArray().Single()!["agent_id"]!.ToString()).ShouldBe(("0.25", "writer", agent.Id));
        (known["uses"]!.ToString(), known["retries"]!.ToString(), known["p95_latency_ms"]!.ToString()).ShouldBe(("1", "1", "40"));
    }

    [Fact]
    public async Task A_use_that_says_neither_module_nor_latency_leaves_those_questions_open()
    {
        var task = await TaskAsync(await TicketAsync(), capability: "nobody");
        await Founder.PostAsync("cost-events", new object[] { new { access_path = "api", task_id = task, estimated_cost = 1m }, new { access_path = "api", task_id = task, module_id = "m", estimated_cost = 1m, latency_ms = 1 } }, Stop);
        var costs = await CostsAsync(task);
        GapsOf(costs, "modules").ShouldBe(["1 of 2 uses has no module"]);
        GapsOf(costs, "runtime").ShouldBe(["2 of 2 uses have neither agent nor surface"]);
        GapsOf(costs, "work").ShouldBeEmpty();
        GapsOf(costs, "profile").ShouldBe(["1 of 2 uses has no latency"]);
    }

    [Fact]
    public async Task What_was_really_paid_is_comparable_between_the_call_and_the_subscription()
    {
        var day = "2026-03-05T00:00:00Z";
        object Use(string provider, string path, decimal? cost, long tokens) =>
            new { access_path = path, provider, module_id = _name, estimated_cost = cost, timestamp = day, tokens = new { input = tokens, output = 0 } };
        var seat = $"{_name}-seat";
        await Founder.PostAsync("cost-events", new[] { Use("p", "api", 6m, 1_500_000), Use("p", "api", null, 500_000), Use(seat, "subscription", null, 8_000_000) }, Stop);
        var before = await PricesAsync();
        (before["api"]!["price"]!.ToString(), before["api"]!["unknown_uses"]!.ToString(), before["subscription"]!["price"]).ShouldBe(("4", "1", null));

        await Founder.PostAsync("costs/invoices", new { provider = seat, number = "1", period_from = "2026-03-01", period_to = "2026-04-01", currency = "USD", csv = "amount\n20" }, Stop);
        var after = await PricesAsync();
        (after["subscription"]!["price"]!.ToString(), after["subscription"]!["measure"]!.ToString(), after["subscription"]!["invoiced"]!.ToString()).ShouldBe(("2.5", "million_tokens", "20"));
        (await Founder.GetAsync("costs/effective-prices?from=2025-01-01&to=2026-01-01", Stop)).Code.ShouldBe("validation_failed");
    }

    [Fact]
    public async Task The_three_questions_are_answered_for_the_number_that_was_drilled_to()
    {
        var done = await WorkAsync(complete: true);
        var failed = await WorkAsync(complete: false);
        await Founder.PostAsync("cost-events", new object[]
        {
            new { access_path = "api", module_id = _name, task_id = done, node_id = "n1", estimated_cost = 3m },
            new { access_path = "api", module_id = _name, task_id = failed, node_id = "n2", estimated_cost = 1m, call_end = "failed", retries = 2 },
            new { access_path = "api", module_id = _name, timestamp = DateTimeOffset.UtcNow.AddDays(-1.5), estimated_cost = 9m },
            new { access_path = "api", module_id = _name },
        }, Stop);
        var from = DateTimeOffset.UtcNow.AddDays(-1).ToString("O");
        var answer = (await Founder.GetAsync($"costs/reasons?by=module&key={_name}&from={Uri.EscapeDataString(from)}", Stop)).Body!;
        (answer["cost"]!.ToString(), answer["currency"]!.ToString(), answer["uses"]!.ToString(), answer["unknown_cost_events"]!.ToString()).ShouldBe(("4", "USD", "3", "1"));
        (answer["failed_cost"]!.ToString(), answer["retries"]!.ToString(), answer["complete"]!.GetValue<bool>()).ShouldBe(("1", "2", true));
        (answer["before"]!["cost"]!.ToString(), answer["before"]!["uses"]!.ToString()).ShouldBe(("9", "1"));
        PartsOf(answer, "node").ShouldBe([("n1", "3"), ("n2", "1"), (null, null)]);
        PartsOf(answer, "outcome").ShouldBe([("completed", "3"), ("cancelled", "1"), (null, null)]);
        PartsOf(answer, "environment").ShouldBe([("LOC", "4")]);
        answer["sides"]!.AsArray().Select(s => s!["by"]!.ToString()).ShouldBe(["environment", "node", "service", "surface", "project", "ticket", "module", "agent", "outcome"]);
    }

    [Theory]
    [InlineData(0, "0 ms")]
    [InlineData(37.2, "38 ms")]
    [InlineData(4_240, "4.2 s")]
    [InlineData(1_889_021, "31 min")]
    public void A_lag_is_told_in_the_unit_that_fits_it(double ms, string words) => CostLag.Words(ms).ShouldBe(words);

    [Fact]
    public async Task The_lag_from_a_use_to_its_enforcement_is_a_figure_and_a_metric()
    {
        var watch = Host.Services.GetRequiredService<WatchCostLag>();
        await Founder.PostAsync("cost-events", new { access_path = "api", module_id = _name, estimated_cost = 1m }, Stop);
        var lag = (await Founder.GetAsync("costs/lag", Stop)).Body!;
        lag["uses"]!.GetValue<int>().ShouldBeGreaterThan(0);
        lag["budget_p95_ms"]!.GetValue<double>().ShouldBeInRange(0, 60_000);
        lag["sums_behind_ms"]!.GetValue<double>().ShouldBeGreaterThanOrEqualTo(0);

        await LeaseTests.Eventually(() => Task.FromResult(watch.Reading.Detail.Contains("budgets count a use within", StringComparison.Ordinal)));
        var metrics = await Founder.Http.GetStringAsync(new Uri(Host.Address, "/metrics"), Stop);
        metrics.ShouldContain("cc_cost_budget_lag_seconds{quantile=\"0.95\"}");
        metrics.ShouldContain("cc_cost_sums_lag_seconds");
    }

    private async Task<string> WorkAsync(bool complete)
    {
        var agent = await AgentAsync($"{_name}-{complete}");
        var task = await TaskAsync(await TicketAsync(), capability: $"{_name}-{complete}");
        var held = (await agent.ClaimAsync(Stop)).ShouldNotBeNull();
        (complete ? await agent.WriteAsync(held, "complete", Stop) : await Founder.PostAsync($"tasks/{task}/cancel", new { }, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        return task;
    }

    private async Task<JsonNode> CostsAsync(string task) => (await Founder.GetAsync($"tasks/{task}/costs", Stop)).Body!;

    private async Task<Dictionary<string, JsonNode>> PricesAsync() =>
        (await Founder.GetAsync("costs/effective-prices?from=2026-03-01&to=2026-04-01", Stop)).Body!["items"]!.AsArray().Where(i => i!["module"]?.ToString() == _name)
            .ToDictionary(i => i!["access_path"]!.ToString(), i => i!);

    private static IEnumerable<string> GapsOf(JsonNode costs, string question) =>
        costs["answers"]!.AsArray().Single(a => a!["question"]!.ToString() == question)!["gaps"]!.AsArray().Select(g => g!.ToString());

    private static IEnumerable<(string? Key, string? Cost)> PartsOf(JsonNode answer, string side) =>
        answer["sides"]!.AsArray().Single(s => s!["by"]!.ToString() == side)!["parts"]!.AsArray().Select(p => (p!["key"]?.ToString(), p["cost"]?.ToString()));
}
