using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Costs;

public sealed class RollupTests(HostFixture fixture) : BusTests(fixture)
{
    private static readonly string[] Dimensions = ["activity", "task", "ticket", "project", "module", "provider", "access_path", "agent", "node", "environment", "surface"];

    [Fact]
    public async Task A_reported_cost_is_in_every_sum_as_soon_as_it_is_answered()
    {
        var module = Unique("module");
        var answer = await Founder.PostAsync("cost-events", new
        {
            access_path = "api", module_id = module, provider = "p", activity_id = module, estimated_cost = 0.0123m, usage_units_in = 100, usage_units_out = 20, latency_ms = 250, retries = 2,
        }, Stop);
        answer.Status.ShouldBe(HttpStatusCode.Created, answer.Body?.ToJsonString());
        (answer["accepted"], answer["recorded"]).ShouldBe(("1", "1"));

        foreach (var grain in new[] { "hour", "day", "week", "month" })
        {
            var item = await OnlyAsync("module", module, grain);
            (item["estimated_cost"]!.ToString(), item["billed_cost"], item["currency"]!.ToString()).ShouldBe(("0.0123", null, "USD"));
            (item["requests"]!.ToString(), item["failures"]!.ToString(), item["retries"]!.ToString(), item["unknown_cost_events"]!.ToString()).ShouldBe(("1", "0", "2", "0"));
            (item["usage_units_in"]!.ToString(), item["usage_units_out"]!.ToString(), item["p95_latency_ms"]!.ToString()).ShouldBe(("100", "20", "250"));
        }

        foreach (var dimension in Dimensions)
        {
            (await Founder.GetAsync($"costs/rollups?by={dimension}&grain=day", Stop)).Body!["items"]!.AsArray().ShouldNotBeEmpty(dimension);
        }
    }

    [Fact]
    public async Task A_cost_that_is_not_known_is_unknown_and_never_zero()
    {
        var module = Unique("unknown");
        var body = new { access_path = "subscription", module_id = module, event_id = Guid.CreateVersion7() };
        await Founder.PostAsync("cost-events", body, Stop);
        (await Founder.PostAsync("cost-events", body, Stop))["recorded"].ShouldBe("0");
        var item = await OnlyAsync("module", module);
        (item["estimated_cost"], item["billed_cost"], item["currency"]).ShouldBe((null, null, null));
        (item["requests"]!.ToString(), item["unknown_cost_events"]!.ToString()).ShouldBe(("1", "1"));

        await Founder.PostAsync("cost-events", new { access_path = "subscription", module_id = module, corrects = body.event_id, estimated_cost = 0.5m }, Stop);
        item = await OnlyAsync("module", module);
        (item["estimated_cost"]!.ToString(), item["requests"]!.ToString(), item["unknown_cost_events"]!.ToString()).ShouldBe(("0.5", "1", "0"));
    }

    [Fact]
    public async Task A_correction_is_a_difference_and_may_go_below_zero_where_a_cost_may_not()
    {
        var module = Unique("corrected");
        var first = await Founder.PostAsync("cost-events", new { access_path = "api", module_id = module, estimated_cost = 2m }, Stop);
        var id = first.Body!["event_ids"]![0]!.ToString();
        var correction = await Founder.PostAsync("cost-events", new { access_path = "api", module_id = module, corrects = id, estimated_cost = -0.5m }, Stop);
        (await OnlyAsync("module", module))["estimated_cost"]!.ToString().ShouldBe("1.5");
        (await Founder.PostAsync("cost-events", new { access_path = "api", estimated_cost = -1m }, Stop)).Code.ShouldBe("validation_failed");
        (await Founder.PostAsync("cost-events", new { access_path = "api", corrects = Guid.NewGuid(), estimated_cost = -1m }, Stop)).Code.ShouldBe("validation_failed");
        (await Founder.PostAsync("cost-events", new { access_path = "api", corrects = correction.Body!["event_ids"]![0]!.ToString(), estimated_cost = -1m }, Stop)).Code.ShouldBe("validation_failed");
    }

    [Fact]
    public async Task Currencies_are_kept_apart()
    {
        var module = Unique("currencies");
        await Founder.PostAsync("cost-events", new object[] { Cost(module, 1m), Cost(module, 2m, "EUR"), Cost(module, 4m, "EUR") }, Stop);
        var item = await OnlyAsync("module", module);
        (item["estimated_cost"], item["currency"], item["requests"]!.ToString()).ShouldBe((null, null, "3"));
        item["by_currency"]!.AsArray().Select(c => $"{c!["estimated_cost"]} {c["currency"]}").ShouldBe(["1 USD", "6 EUR"], ignoreOrder: true);
    }

    [Fact]
    public async Task An_agents_cost_is_laid_to_the_task_that_it_holds_and_it_cannot_charge_others()
    {
        var agent = await AgentAsync("reports");
        var task = await TaskAsync(await TicketAsync(), capability: "reports");
        await agent.ClaimAsync(Stop);
        (await agent.Bus.PostAsync("cost-events", Cost("m", 0.25m), Stop)).Status.ShouldBe(HttpStatusCode.Created);
        (await OnlyAsync("task", task))["estimated_cost"]!.ToString().ShouldBe("0.25");
        (await OnlyAsync("agent", agent.Id))["estimated_cost"]!.ToString().ShouldBe("0.25");

        var others = await TaskAsync(await TicketAsync(), capability: "nobody");
        (await agent.Bus.PostAsync("cost-events", new { access_path = "api", task_id = others }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await agent.Bus.PostAsync("cost-events", new { access_path = "api", agent_runtime_id = Guid.CreateVersion7() }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task A_report_is_all_or_nothing_and_says_which_field_of_which_cost_is_wrong()
    {
        var module = Unique("nothing");
        var answer = await Founder.PostAsync("cost-events", new object[] { Cost(module, 1m), new { access_path = "api", module_id = module, estimated_cost = 0.0000000000001m, currency = "usd", latency_ms = -1 } }, Stop);
        answer.Status.ShouldBe(HttpStatusCode.BadRequest);
        answer.Body!["errors"]!.AsObject().Select(e => e.Key).ShouldBe(["[1].estimated_cost", "[1].currency", "[1].latency_ms"], ignoreOrder: true);
        (await ItemsAsync("module", module)).ShouldBeEmpty();

        (await Founder.PostAsync("cost-events", Array.Empty<object>(), Stop)).Code.ShouldBe("validation_failed");
        (await Founder.PostAsync("cost-events", Enumerable.Repeat(Cost(module, 1m), 501), Stop)).Code.ShouldBe("validation_failed");
        (await Founder.PostRawAsync("cost-events", "[null]", Stop)).Code.ShouldBe("validation_failed");
        (await Founder.PostAsync("cost-events", new { access_path = "api", cost = 1 }, Stop)).Code.ShouldBe("validation_failed");
        (await Founder.PostAsync("cost-events", new { access_path = "api", timestamp = DateTimeOffset.UtcNow.AddDays(40) }, Stop)).Code.ShouldBe("validation_failed");
        (await Founder.GetAsync("costs/rollups?grain=day", Stop)).Code.ShouldBe("validation_failed");
    }

    [Fact]
    public async Task Pages_of_sums_miss_nothing_and_repeat_nothing()
    {
        var project = Unique("page");
        await Founder.PostAsync("cost-events", Enumerable.Range(0, 25).Select(i => new { access_path = "api", activity_id = $"{project}-{i % 10}", estimated_cost = 1m, timestamp = DateTimeOffset.UtcNow.AddDays(-i) }), Stop);
        (await ItemsAsync("activity", $"{project}-0")).ShouldNotBeEmpty();
        var all = await Founder.GetAsync("costs/rollups?by=activity&grain=day&limit=10000", Stop);
        var paged = new List<string>();
        for (var cursor = ""; cursor is not null;)
        {
            var page = await Founder.GetAsync($"costs/rollups?by=activity&grain=day&limit=7{(cursor.Length > 0 ? "&cursor=" + cursor : "")}", Stop);
            paged.AddRange(page.Body!["items"]!.AsArray().Select(i => i!.ToJsonString()));
            cursor = page.Body["next_cursor"]?.ToString();
        }

        paged.ShouldBe(all.Body!["items"]!.AsArray().Select(i => i!.ToJsonString()));
        paged.Count.ShouldBeGreaterThanOrEqualTo(25);
    }

    [Fact]
    public async Task Sums_made_one_by_one_under_load_are_those_that_a_rebuild_makes()
    {
        var random = new Random(5);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async writer =>
        {
            for (var i = 0; i < 20; i++)
            {
                var costs = Enumerable.Range(0, 25).Select(n => new
                {
                    access_path = n % 3 == 0 ? "api" : "self_hosted",
                    module_id = $"load-{(writer + n) % 4}",
                    activity_id = $"a-{i}-{n % 7}",
                    estimated_cost = n % 5 == 0 ? (decimal?)null : n * 0.000000001m,
                    currency = n % 4 == 0 ? "EUR" : "USD",
                    latency_ms = n % 6 == 0 ? (int?)null : (n * 977) + writer,
                    call_end = n % 9 == 0 ? "failed" : "completed",
                    timestamp = DateTimeOffset.UtcNow.AddHours(-n * 31),
                });
                (await Founder.PostAsync("cost-events", costs, Stop)).Status.ShouldBe(HttpStatusCode.Created);
                await Founder.GetAsync("costs/rollups?by=module&grain=day", Stop);
            }
        }));
        await ItemsAsync("module", "load-0");
        var incremental = await Host.SqlAsync<string>(Sums, Stop);
        (await Founder.PostAsync("costs/rebuild", null, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        (await Host.SqlAsync<string>(Sums, Stop)).ShouldBe(incremental);
        (await Founder.PostAsync("cost-events", Cost("after-rebuild", 1m), Stop)).Status.ShouldBe(HttpStatusCode.Created);
        (await OnlyAsync("module", "after-rebuild"))["requests"]!.ToString().ShouldBe("1");
    }

    [Fact]
    public async Task The_nightly_proof_holds_and_finds_a_sum_that_is_wrong_in_any_grain()
    {
        await Founder.PostAsync("cost-events", new object[] { Cost("proof", 1m), Cost("proof", 2m, "EUR"), new { access_path = "api", module_id = "proof", usage_units_in = 1.5m } }, Stop);
        await ItemsAsync("module", "proof");
        var proof = await Founder.PostAsync("costs/proof", null, Stop);
        (proof["differences"], proof.Status).ShouldBe(("0", HttpStatusCode.OK), proof.Body?.ToJsonString());
        foreach (var (grain, damage) in new[] { ("hour", "costs = array[7]::numeric[] || costs[2:]"), ("day", "requests = requests + 1"), ("week", "unknown_cost_events = 0"), ("month", "estimated_costs = array[9]::numeric[] || estimated_costs[2:]") })
        {
            await Host.SqlAsync<int>($"with c as (update cost_rollups set {damage} where dimension = 'module' and key = 'proof' and grain = '{grain}' returning 1) select count(*)::int from c", Stop);
            (await Founder.PostAsync("costs/proof", null, Stop))["differences"].ShouldNotBe("0", grain);
            await Founder.PostAsync("costs/rebuild", null, Stop);
        }

        (await Host.SqlAsync<long>("select count(*) from events where kind = 'alert.raised' and data ->> 'severity' = 'critical'", Stop)).ShouldBe(4);
        (await Founder.PostAsync("costs/proof", null, Stop))["differences"].ShouldBe("0");
    }

    // Everything but the order of currencies, which is that of their first use.
    private const string Sums =
        """
        select md5(string_agg(concat_ws('|', dimension, grain, period, key, requests, failures, retries, unknown_cost_events, usage_units_in, usage_units_out,
            (select string_agg(concat_ws(',', c, e::numeric(24, 12), b::numeric(24, 12), x::numeric(24, 12)), ';' order by c) from unnest(currencies, estimated_costs, billed_costs, costs) as u (c, e, b, x)),
            latencies, max_latency_ms, p95_latency_ms), chr(10) order by dimension, grain, period, key)) from cost_rollups
        """;

    private static object Cost(string module, decimal cost, string currency = "USD") => new { access_path = "api", module_id = module, estimated_cost = cost, currency };

    private static string Unique(string word) => $"{word}-{Guid.CreateVersion7()}";

    private async Task<JsonNode> OnlyAsync(string by, string key, string grain = "day") => (await ItemsAsync(by, key, grain)).ShouldHaveSingleItem();

    private async Task<List<JsonNode>> ItemsAsync(string by, string key, string grain = "day")
    {
        BusAnswer answer;
        do
        {
            answer = await Founder.GetAsync($"costs/rollups?by={by}&grain={grain}&key={key}", Stop);
            answer.Status.ShouldBe(HttpStatusCode.OK, answer.Body?.ToJsonString());
        }
        while (!answer.Body!["complete"]!.GetValue<bool>());
        return [.. answer.Body["items"]!.AsArray().Select(i => i!)];
    }
}
