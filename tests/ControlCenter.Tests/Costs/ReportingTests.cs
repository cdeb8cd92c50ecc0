using System.Net;

namespace ControlCenter.Tests.Costs;

/// <summary>Reports of many at once share a commit, and nothing else.</summary>
public sealed class ReportingTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task Many_who_report_the_same_costs_at_once_count_each_once_and_are_each_told_of()
    {
        var ids = Enumerable.Range(0, 60).Select(_ => Guid.CreateVersion7()).ToArray();
        var reporter = (await AgentAsync()).Bus;
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => (i % 2 == 0 ? Founder : reporter).PostAsync(
            "cost-events", ids.Skip(i * 2).Take(30).Select(id => new { access_path = "api", event_id = id, module_id = "shared", estimated_cost = 1m }), Stop)));
        answers.ShouldAllBe(a => a.Status == HttpStatusCode.Created);
        answers.Sum(a => int.Parse(a["recorded"])).ShouldBe(60);
        var told = answers.Count(a => a["recorded"] != "0");
        (await Host.SqlAsync<long>($"select count(*) from cost_events where event_id = any('{{{string.Join(',', ids)}}}')", Stop)).ShouldBe(60);
        (await Host.SqlAsync<long>("select count(*) from events where kind = 'cost.recorded' and data ->> 'agent_id' is null and correlation_id is not null", Stop)).ShouldBeLessThanOrEqualTo(told);
        (await Founder.PostAsync("costs/proof", null, Stop))["differences"].ShouldBe("0");
    }

    [Fact]
    public async Task One_that_is_refused_takes_none_of_the_others_with_it()
    {
        var agent = await AgentAsync();
        var others = await TaskAsync(await TicketAsync(), capability: "nobody");
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => i % 4 == 0
            ? agent.Bus.PostAsync("cost-events", new { access_path = "api", module_id = "beside", task_id = others }, Stop)
            : agent.Bus.PostAsync("cost-events", new { access_path = "api", module_id = "beside", estimated_cost = 1m }, Stop)));
        answers.Count(a => a.Status == HttpStatusCode.Forbidden).ShouldBe(5);
        answers.Count(a => a.Status == HttpStatusCode.Created && a["recorded"] == "1").ShouldBe(15);
        (await Host.SqlAsync<long>("select count(*) from cost_events where module_id = 'beside'", Stop)).ShouldBe(15);
    }

    [Fact]
    public async Task The_first_answer_is_given_again_be_it_a_refusal()
    {
        var agent = await AgentAsync("later");
        var report = new { access_path = "api", module_id = "again", estimated_cost = 1m };
        var first = await agent.Bus.PostAsync("cost-events", report, Stop, "one");
        var second = await agent.Bus.PostAsync("cost-events", report, Stop, "one");
        (second.Status, second.Body!.ToJsonString()).ShouldBe((HttpStatusCode.Created, first.Body!.ToJsonString()));
        (await Host.SqlAsync<long>("select count(*) from cost_events where module_id = 'again'", Stop)).ShouldBe(1);

        var task = await TaskAsync(await TicketAsync(), capability: "later");
        var early = new { access_path = "api", module_id = "again", task_id = task };
        (await agent.Bus.PostAsync("cost-events", early, Stop, "two")).Status.ShouldBe(HttpStatusCode.Forbidden);
        await agent.ClaimAsync(Stop);
        (await agent.Bus.PostAsync("cost-events", early, Stop, "two")).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await agent.Bus.PostAsync("cost-events", early, Stop, "three")).Status.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task What_only_one_of_a_report_has_is_kept_for_that_one_and_empty_for_the_others()
    {
        var module = $"sparse-{Guid.CreateVersion7()}";
        var answer = await Founder.PostAsync("cost-events", new object[]
        {
            new { access_path = "api", module_id = module, retries = 3, notes = "first", tokens = new { input = 7, output = 5, cache_read = 2 }, billed_cost = 0.5m, currency = "EUR" },
            new { access_path = "self_hosted", module_id = module },
            new { access_path = "api", module_id = module, session_id = "s", call_end = "throttled", latency_ms = 0 },
        }, Stop);
        var ids = answer.Body!["event_ids"]!.AsArray().Select(id => id!.ToString()).ToList();
        var events = (await Founder.GetAsync($"cost-events?by=module&key={module}", Stop)).Body!["items"]!.AsArray().OrderBy(e => ids.IndexOf(e!["event_id"]!.ToString())).ToList();
        events.Select(e => $"{e!["retries"]} {e["notes"]} {e["tokens"]!["cache_read"]} {e["billed_cost"]} {e["currency"]} {e["session_id"]} {e["call_end"]} {e["latency_ms"]} {e["knowledge"]}")
            .ShouldBe(["3 first 2 0.5 EUR    exact", "0        unknown", "0     s throttled 0 unknown"]);
    }

    [Fact]
    public async Task A_budget_is_charged_for_each_reporters_costs_of_a_group()
    {
        var provider = $"charged-{Guid.CreateVersion7()}";
        var budget = (await Founder.PostAsync("budgets", new { scope = "provider", scope_id = provider, period = "total", hard_limit = 1000, currency = "USD" }, Stop))["budget_id"];
        var agents = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => AgentAsync()));
        await Task.WhenAll(agents.SelectMany(a => Enumerable.Range(0, 5).Select(_ => a.Bus.PostAsync("cost-events", new { access_path = "api", provider, estimated_cost = 2m }, Stop))));
        (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!.ToJsonString().ShouldContain("\"spent\":40");
    }
}
