using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ControlCenter.Domain.Models;
using ControlCenter.TestSupport;
using ControlCenter.TestSupport.Models;

namespace ControlCenter.Tests.Models;

/// <summary>Calls that another module is asked as well: after their callers have been answered, metered, and with nothing kept of what was said.</summary>
public sealed class ShadowTests(GatewayFixture gateway) : IClassFixture<GatewayFixture>
{
    // 80 tokens in, 20 from the cache, 12 out, at the module's price; a tenth of it at the shadow's.
    private const decimal Whole = 0.106m;

    private static int _names;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/v1/messages", false)]
    [InlineData("/v1/messages", true)]
    [InlineData("/v1/chat/completions", false)]
    [InlineData("/v1/chat/completions", true)]
    [InlineData("/v1/responses", false)]
    [InlineData("/v1/responses", true)]
    public async Task A_sampled_call_has_one_shadow_and_both_are_costs_of_the_same_work(string path, bool stream)
    {
        var (agent, task) = await WorkingAgentAsync();
        var (module, shadow) = (await ModuleAsync(path), await CheapAsync(path));
        var (budget, shadows) = (await BudgetAsync(module), await BudgetAsync(shadow));
        var route = await RouteAsync(module, shadow);
        Guid call;
        using (var answer = await gateway.AskAsync(path, route, stream, Stop, key: agent, headers: h => h.Add("x-cc-session", $"session of {route}")))
        {
            (await answer.Content.ReadAsStringAsync(Stop)).ShouldContain("forty-two");
            answer.Headers.GetValues("x-cc-module").Single().ShouldBe(module.Id);
            call = Guid.Parse(answer.Headers.GetValues("x-cc-call").Single());
        }

        await ComparedAsync(route);
        await UntilAsync(async () => await CountAsync($"select count(*) from cost_events where module_id in ('{module.Id}', '{shadow.Id}')") == 2);
        gateway.Provider.TimesAsked(shadow.Upstream).ShouldBe(1);
        (await CountAsync($"""
            select count(distinct (actor_id, agent_id, session_id, task_id, ticket_id)) from cost_events
            where module_id in ('{module.Id}', '{shadow.Id}') and task_id = '{task}' and session_id = 'session of {route}' and call_end = 'completed'
            """)).ShouldBe(1);
        (await gateway.Host.SqlAsync<string>($"select notes from cost_events where module_id = '{shadow.Id}'", Stop)).ShouldEndWith($", shadow of call {call}");
        (await gateway.Host.SqlAsync<bool>($"select shadow_call_id = (select event_id from cost_events where module_id = '{shadow.Id}') from shadow_comparisons where call_id = '{call}'", Stop)).ShouldBeTrue();
        (await SpentAsync(budget), await SpentAsync(shadows)).ShouldBe(((Whole, 0), (Whole / 10, 0)));

        var shown = await StandingAsync(route);
        (shown["module"]!.ToString(), shown["shadow_module"]!.ToString(), (int)shown["comparisons"]!, (int)shown["answered"]!).ShouldBe((module.Id, shadow.Id, 1, 1));
        ((decimal)shown["saved_per_call"]!, (decimal)shown["shadow_cost_per_call"]!, shown["currency"]!.ToString()).ShouldBe((Whole - (Whole / 10), Whole / 10, "USD"));
        ((int)shown["output_tokens"]!, (int)shown["shadow_output_tokens"]!).ShouldBe((12, 12));
        (shown["scoring"]!.ToString(), (int)shown["scores"]!, shown["score"]).ShouldBe(("no_judge", 0, null));
    }

    [Theory]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    public async Task A_judge_scores_both_without_being_told_whose_they_are_and_only_its_numbers_are_kept(string path)
    {
        var (module, shadow, judge) = (await ModuleAsync(path), await CheapAsync(path), await ModuleAsync(path, Behaviour.Judge));
        var route = await RouteAsync(module, shadow, judge: judge);
        using var answer = await gateway.AskAsync(path, route, stream: true, Stop);
        var call = Guid.Parse(answer.Headers.GetValues("x-cc-call").Single());
        await answer.Content.ReadAsStringAsync(Stop);
        await ComparedAsync(route);

        var shown = await StandingAsync(route);
        var expected = ShadowRules.ShowsShadowFirst(call) ? (60.5m, 90m) : (90m, 60.5m);
        ((decimal)shown["score"]!, (decimal)shown["shadow_score"]!).ShouldBe(expected);
        (shown["scoring"]!.ToString(), (int)shown["scores"]!, shown["judge"]!.ToString()).ShouldBe(("scored", 1, judge.Id));
        var asked = gateway.Provider.Seen.Single(s => s.Json["model"]!.ToString() == judge.Upstream).Json.ToJsonString();
        asked.Split("forty-two").Length.ShouldBe(3, "both answers are in it");
        asked.ShouldContain("What is the answer?");
        asked.ShouldNotContain(module.Upstream);
        asked.ShouldNotContain(shadow.Upstream);
        await UntilAsync(async () => await CountAsync($"select count(*) from cost_events where module_id = '{judge.Id}' and notes like '%, judge of call {call}' and call_end = 'completed'") == 1);

        (await RowsWithAsync(route)).ShouldBeGreaterThan(0, "the scan finds what is kept");
        foreach (var said in new[] { "forty-two", "What is the answer?", "looked at both" })
        {
            (await RowsWithAsync(said)).ShouldBe(0, said);
        }
    }

    [Fact]
    public async Task A_verdict_that_cannot_be_read_is_no_score()
    {
        var (module, shadow, judge) = (await ModuleAsync(), await CheapAsync(), await ModuleAsync());
        var route = await RouteAsync(module, shadow, judge: judge);
        await AskAsync(route);
        await ComparedAsync(route);
        var shown = await StandingAsync(route);
        gateway.Provider.TimesAsked(judge.Upstream).ShouldBe(1);
        (shown["scoring"]!.ToString(), (int)shown["comparisons"]!, (int)shown["scores"]!, shown["shadow_score"]).ShouldBe(("none_yet", 1, 0, null));
    }

    [Fact]
    public async Task A_shadow_that_fails_is_one_cost_and_says_so()
    {
        var (module, shadow) = (await ModuleAsync(), await ModuleAsync(behaviour: Behaviour.Fail));
        var route = await RouteAsync(module, shadow);
        await AskAsync(route);
        await ComparedAsync(route);
        var shown = await StandingAsync(route);
        ((int)shown["comparisons"]!, (int)shown["answered"]!, shown["saved_per_call"]).ShouldBe((1, 0, null));
        await UntilAsync(async () => await CountAsync($"select count(*) from cost_events where module_id = '{shadow.Id}' and call_end = 'failed'") == 1);
    }

    [Theory]
    [InlineData("/v1/messages", "a share of nothing")]
    [InlineData("/v1/messages", "a tool is called")]
    [InlineData("/v1/chat/completions", "a tool is called")]
    [InlineData("/v1/responses", "a tool is called")]
    [InlineData("/v1/messages", "a tool is run by the provider")]
    [InlineData("/v1/responses", "a conversation is kept by the provider")]
    [InlineData("/v1/chat/completions", "several answers")]
    [InlineData("/v1/messages/count_tokens", "nothing is said")]
    [InlineData("/v1/messages", "the first fails")]
    public async Task What_is_not_to_be_asked_again_has_no_shadow(string path, string why)
    {
        var behaviour = why switch { "a tool is called" => Behaviour.CallTool, "the first fails" => Behaviour.BadRequest, _ => Behaviour.Answer };
        var (module, shadow) = (await ModuleAsync(path, behaviour), await CheapAsync(path));
        var route = await RouteAsync(module, shadow, percent: why == "a share of nothing" ? 0 : 100);
        foreach (var stream in new[] { false, true })
        {
            using var answer = await gateway.AskAsync(path, route, stream, Stop, more: body =>
            {
                var tool = new JsonObject { ["name"] = "look", ["type"] = why == "a tool is run by the provider" ? "web_search_20250305" : path.EndsWith("messages", StringComparison.Ordinal) ? "custom" : "function" };
                if (path.EndsWith("completions", StringComparison.Ordinal))
                {
                    tool["function"] = new JsonObject { ["name"] = "look" };
                }

                body["tools"] = new JsonArray(tool);
                body["n"] = why == "several answers" ? 2 : null;
                body["previous_response_id"] = why == "a conversation is kept by the provider" ? "resp_1" : null;
            });
            await answer.Content.ReadAsStringAsync(Stop);
        }

        await AnotherIsComparedAsync();
        gateway.Provider.TimesAsked(shadow.Upstream).ShouldBe(0);
        (await CountAsync($"select count(*) from cost_events where module_id = '{shadow.Id}'")).ShouldBe(0);
    }

    [Fact]
    public async Task A_budget_without_room_leaves_the_comparison_out_and_asks_nobody()
    {
        var (agent, task) = await WorkingAgentAsync();
        var (module, shadow) = (await ModuleAsync(), await CheapAsync());
        var budget = await BudgetAsync(shadow, 0.0001m);
        var route = await RouteAsync(module, shadow);
        using (var answer = await gateway.AskAsync("/v1/messages", route, stream: true, Stop, key: agent))
        {
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
            await answer.Content.ReadAsStringAsync(Stop);
        }

        await AnotherIsComparedAsync();
        gateway.Provider.TimesAsked(shadow.Upstream).ShouldBe(0);
        (await CountAsync($"select count(*) from shadow_comparisons where route = '{route}'")).ShouldBe(0);
        (await CountAsync($"select count(*) from budget_breaches where budget_id = '{budget}'")).ShouldBe(0);
        (await CountAsync($"select count(*) from tasks where id = '{task}' and state = 'waiting_human'")).ShouldBe(0);
        (await SpentAsync(budget)).ShouldBe((0, 0));
        (await CountAsync($"select count(*) from gateway_decisions where refusal is not null and requested_model = '{route}'")).ShouldBe(0);
    }

    [Fact]
    public async Task Callers_do_not_wait_for_a_shadow_that_hangs_and_a_host_that_stops_ends_and_settles_it()
    {
        var module = await ModuleAsync();
        var shadow = await gateway.ModuleAsync("/v1/messages", Behaviour.Hang, Stop, providerId: GatewayFixture.Patient);
        var budget = await BudgetAsync(shadow);
        var route = await RouteAsync(module, shadow);
        await using (var host = await RunningHost.StartAsync(Stop, gateway.Host.ConnectionString))
        {
            using var http = new HttpClient { BaseAddress = host.Address };
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", RunningHost.FounderKey);
            for (var i = 0; i < 8; i++)
            {
                using var content = new StringContent(GatewayFixture.BodyFor("/v1/messages", route, stream: i % 2 == 0), Encoding.UTF8, "application/json");
                using var answer = await http.PostAsync("/v1/messages", content, Stop);
                (await answer.Content.ReadAsStringAsync(Stop)).ShouldContain("forty-two");
            }

            await UntilAsync(() => Task.FromResult(gateway.Provider.TimesAsked(shadow.Upstream) == 2));
            (await CountAsync($"select count(*) from budget_reservations where module_id = '{shadow.Id}'")).ShouldBe(2, "two at once, each set aside before it was made");
        }

        gateway.Provider.TimesAsked(shadow.Upstream).ShouldBe(2, "those that found no place are left out");
        await gateway.Provider.CancelledAsync(shadow.Upstream).WaitAsync(TimeSpan.FromMinutes(2), Stop);
        (await CountAsync($"select count(*) from cost_events where module_id = '{module.Id}' and call_end = 'completed'")).ShouldBe(8);
        (await CountAsync($"select count(*) from cost_events where module_id = '{shadow.Id}' and call_end = 'cut_by_client' and knowledge = 'unknown'")).ShouldBe(2);
        (await CountAsync($"select count(*) from shadow_comparisons where route = '{route}' and shadow_ended = 'cut_by_client'")).ShouldBe(2);
        (await CountAsync($"select count(*) from budget_reservations where module_id = '{shadow.Id}'")).ShouldBe(0);
        (await SpentAsync(budget)).ShouldBe((0, 0));
    }

    [Theory]
    [InlineData("nobody", 10, null, "shadow.module", "There is no module 'nobody'.")]
    [InlineData("FIRST", 10, null, "shadow.module", "is the route's first module")]
    [InlineData("OTHER", 10, null, "shadow.module", "speaks openai; the route's first module")]
    [InlineData("LESS", 10, null, "shadow.module", "is trusted less (low)")]
    [InlineData("GOOD", -0.5, null, "shadow.percent", "Between 0 and 100; -0.5 was given.")]
    [InlineData("GOOD", 100.1, null, "shadow.percent", "Between 0 and 100; 100.1 was given.")]
    [InlineData("GOOD", 10, "nobody", "shadow.judge", "There is no module 'nobody'.")]
    [InlineData("GOOD", 10, "LESS", "shadow.judge", "is trusted less (low)")]
    public async Task A_shadow_that_cannot_be_is_refused_with_the_place(string name, double percent, string? judgeName, string place, string message)
    {
        var known = new Dictionary<string, TestModule>
        {
            ["FIRST"] = await ModuleAsync(),
            ["GOOD"] = await ModuleAsync(),
            ["OTHER"] = await ModuleAsync("/v1/responses"),
            ["LESS"] = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop, trust: "low"),
        };
        string IdOf(string given) => known.TryGetValue(given, out var module) ? module.Id : given;
        var refused = await gateway.Founder.PostAsync("catalogue", new
        {
            routes = new[] { new { alias = NewName(), modules = new[] { known["FIRST"].Id }, shadow = new { module = IdOf(name), percent, judge = judgeName is null ? null : IdOf(judgeName) } } },
        }, Stop);
        refused.Code.ShouldBe("validation_failed");
        var error = refused.Body!["errors"]!.AsObject().ShouldHaveSingleItem();
        error.Key.ShouldBe($"routes[0].{place}");
        error.Value!.ToJsonString().Replace("\\u0027", "'").ShouldContain(message);
    }

    [Fact]
    public async Task A_shadow_is_in_the_catalogues_history_and_one_that_was_taken_away_is_asked_no_more()
    {
        var (module, shadow) = (await ModuleAsync(), await CheapAsync());
        var route = await RouteAsync(module, shadow, percent: 12.5m);
        (await StandingAsync(route))["comparisons"]!.GetValue<int>().ShouldBe(0);
        ((decimal)(await StandingAsync(route))["percent"]!).ShouldBe(12.5m);
        (await gateway.Founder.PostAsync("catalogue", new { routes = new[] { new { alias = route, modules = new[] { module.Id } } } }, Stop))["changed"].ShouldBe("1");
        var versions = (await gateway.Founder.GetAsync($"catalogue/history?key={route}", Stop)).Body!["items"]!.AsArray();
        versions.Select(v => v!["value"]!["shadow"]?["module"]?.ToString()).ShouldBe([null, shadow.Id]);
        await AskAsync(route);
        await AnotherIsComparedAsync();
        gateway.Provider.TimesAsked(shadow.Upstream).ShouldBe(0);
    }

    private static string NewName() => $"shadowed-{Interlocked.Increment(ref _names)}";

    private Task<TestModule> ModuleAsync(string path = "/v1/messages", Behaviour behaviour = Behaviour.Answer) => gateway.ModuleAsync(path, behaviour, Stop);

    private async Task<TestModule> CheapAsync(string path = "/v1/messages")
    {
        var module = await ModuleAsync(path);
        (await gateway.Founder.PostAsync("catalogue", new
        {
            prices = new[] { new { module = module.Id, effective_from = "2021-01-01T00:00:00Z", currency = "USD", input = 100, output = 200, cache_read = 10 } },
        }, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        return module;
    }

    private async Task<string> RouteAsync(TestModule module, TestModule shadow, decimal percent = 100, TestModule? judge = null)
    {
        var alias = NewName();
        var answer = await gateway.Founder.PostAsync(
            "catalogue", new { routes = new[] { new { alias, modules = new[] { module.Id }, shadow = new { module = shadow.Id, percent, judge = judge?.Id } } } }, Stop);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Body?.ToJsonString());
        return alias;
    }

    private async Task<(string Key, string Task)> WorkingAgentAsync()
    {
        var agent = await gateway.Founder.PostAsync("agents", new { name = NewName(), kind = "test" }, Stop);
        var ticket = await gateway.Founder.PostAsync("tickets", new { title = "Compare" }, Stop);
        var task = await gateway.Founder.PostAsync($"tickets/{ticket["ticket_id"]}/tasks", new { title = "Ask", lease_seconds = 600 }, Stop);
        using var bus = gateway.Host.Client(agent["key"]);
        (await bus.PostAsync("tasks/claim", new { agent_id = agent["agent_id"] }, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        return (agent["key"], task["task_id"]);
    }

    private async Task<string> BudgetAsync(TestModule module, decimal limit = 100) =>
        (await gateway.Founder.PostAsync("budgets", new { scope = "module", scope_id = module.Id, period = "total", hard_limit = limit, currency = "USD" }, Stop))["budget_id"];

    private async Task<(decimal Spent, decimal Reserved)> SpentAsync(string budget) => (
        await gateway.Host.SqlAsync<decimal>($"select coalesce(sum(spent), 0) from budget_periods where budget_id = '{budget}'", Stop),
        await gateway.Host.SqlAsync<decimal>($"select coalesce(sum(reserved), 0) from budget_periods where budget_id = '{budget}'", Stop));

    private async Task AskAsync(string route)
    {
        using var answer = await gateway.AskAsync("/v1/messages", route, stream: false, Stop);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        await answer.Content.ReadAsStringAsync(Stop);
    }

    // Calls are taken up in the order in which they end: when this one is through, those before it have been looked at.
    private async Task AnotherIsComparedAsync()
    {
        var route = await RouteAsync(await ModuleAsync(), await CheapAsync());
        await AskAsync(route);
        await ComparedAsync(route);
    }

    private Task ComparedAsync(string route) => UntilAsync(async () => await CountAsync($"select count(*) from shadow_comparisons where route = '{route}'") == 1);

    private async Task<JsonNode> StandingAsync(string route) =>
        (await gateway.Founder.GetAsync("gateway/shadows", Stop)).Body!["items"]!.AsArray().Single(s => s!["route"]!.ToString() == route)!;

    private Task<long> CountAsync(string sql) => gateway.Host.SqlAsync<long>(sql, Stop);

    // Every table there is, as text, and as bytes are written as text.
    private async Task<long> RowsWithAsync(string said)
    {
        var hex = Convert.ToHexStringLower(Encoding.UTF8.GetBytes(said));
        var tables = await gateway.Host.SqlAsync<string>("select string_agg(format('%I', tablename), ',') from pg_tables where schemaname = 'public'", Stop);
        var found = 0L;
        foreach (var table in tables.Split(','))
        {
            found += await CountAsync($"select count(*) from {table} t where t::text like '%{said}%' or t::text like '%{hex}%'");
        }

        return found;
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await condition())
        {
            await timer.WaitForNextTickAsync(Stop);
        }
    }
}
