using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using ControlCenter.TestSupport;
using ControlCenter.TestSupport.Models;

namespace ControlCenter.Tests.Models;

public sealed class GatewayTests(GatewayFixture gateway) : IClassFixture<GatewayFixture>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_the_gateway_does_not_know_reaches_the_provider_as_it_was_sent()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        using var answer = await gateway.AskAsync("/v1/messages?beta=true", module.Id, stream: false, Stop, more: body => body["new_field"] = new JsonObject { ["a"] = 1.50m }, headers: headers =>
        {
            headers.Add("anthropic-version", "2023-06-01");
            headers.Add("anthropic-beta", "something-2026");
            headers.Add("x-cc-session", "s1");
            headers.Add("Cookie", "a=b");
        });
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        answer.Headers.GetValues("request-id").Single().ShouldBe("req_stand_in");
        var seen = gateway.Provider.Seen.Last(s => s.Json["model"]!.ToString() == module.Upstream);
        seen.Query.ShouldBe("?beta=true");
        seen.Headers["anthropic-version"].ShouldBe("2023-06-01");
        seen.Headers["anthropic-beta"].ShouldBe("something-2026");
        seen.Headers["x-api-key"].ShouldBe(StandInProvider.Key);
        seen.Headers.Keys.ShouldNotContain(name => name.StartsWith("x-cc-") || name == "Cookie" || name == "Authorization");
        Encoding.UTF8.GetString(seen.Body).ShouldBe(
            GatewayFixture.BodyFor("/v1/messages", module.Id, stream: false, body => body["new_field"] = new JsonObject { ["a"] = 1.50m }).Replace($"\"{module.Id}\"", $"\"{module.Upstream}\""));
    }

    [Theory]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    public async Task A_stream_reaches_its_caller_piece_by_piece_as_the_provider_says_it(string path)
    {
        var module = await gateway.ModuleAsync(path, Behaviour.Slow, Stop);
        gateway.Provider.LetOneThrough(module.Upstream, 2);
        using var answer = await gateway.AskAsync(path, module.Id, stream: true, Stop);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Stop));
        var lines = new List<string>();
        while (await reader.ReadLineAsync(Stop) is { } line)
        {
            lines.Add(line);
            if (line.Length == 0)
            {
                // The provider goes on only when this much has arrived.
                gateway.Provider.LetOneThrough(module.Upstream);
            }
        }

        lines.ShouldContain(l => l.Contains("forty-two"));
    }

    [Fact]
    public async Task A_chat_stream_has_its_usage_in_it_only_if_its_caller_asked()
    {
        var module = await gateway.ModuleAsync("/v1/chat/completions", Behaviour.Answer, Stop);
        using var silent = await gateway.AskAsync("/v1/chat/completions", module.Id, stream: true, Stop);
        var text = await silent.Content.ReadAsStringAsync(Stop);
        text.ShouldNotContain("\"usage\"");
        text.ShouldEndWith("data: [DONE]\n\n");
        using var told = await gateway.AskAsync("/v1/chat/completions", module.Id, stream: true, Stop, more: b => b["stream_options"] = new JsonObject { ["include_usage"] = true });
        (await told.Content.ReadAsStringAsync(Stop)).ShouldContain("\"prompt_tokens\":100");
    }

    [Theory]
    [InlineData("/v1/messages", "nobody", 404, "unknown_model", "not_found_error")]
    [InlineData("/v1/chat/completions", "nobody", 404, "unknown_model", "invalid_request_error")]
    [InlineData("/v1/responses", "nobody", 404, "unknown_model", "invalid_request_error")]
    public async Task An_unknown_model_is_told_in_the_dialects_own_shape(string path, string model, int status, string code, string type)
    {
        using var answer = await gateway.AskAsync(path, model, stream: false, Stop);
        await ShouldBeAsync(answer, status, code, type);
    }

    [Theory]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    public async Task A_model_without_a_price_is_not_called(string path)
    {
        var module = await gateway.ModuleAsync(path, Behaviour.Answer, Stop, priced: false);
        using var answer = await gateway.AskAsync(path, module.Id, stream: false, Stop);
        await ShouldBeAsync(answer, 400, "unpriced_module", "invalid_request_error");
        gateway.Provider.TimesAsked(module.Upstream).ShouldBe(0);
    }

    [Theory]
    [InlineData("/v1/messages", "authentication_error")]
    [InlineData("/v1/chat/completions", "authentication_error")]
    public async Task A_wrong_key_is_refused_in_the_dialects_own_shape(string path, string type)
    {
        using var answer = await gateway.AskAsync(path, "any", stream: false, Stop, key: "no-such-key");
        await ShouldBeAsync(answer, 401, "unauthenticated", type);
    }

    [Fact]
    public async Task A_key_is_taken_as_x_api_key_too_and_an_observer_may_not_call()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        using var http = new HttpClient { BaseAddress = gateway.Host.Address };
        http.DefaultRequestHeaders.Add("x-api-key", RunningHost.FounderKey);
        using var content = new StringContent(GatewayFixture.BodyFor("/v1/messages", module.Id, false), Encoding.UTF8, "application/json");
        (await http.PostAsync("/v1/messages", content, Stop)).StatusCode.ShouldBe(HttpStatusCode.OK);

        var observer = await gateway.Founder.PostAsync("actors", new { name = "looks-at-models", role = "read_only_observer" }, Stop);
        using var refused = await gateway.AskAsync("/v1/messages", module.Id, stream: false, Stop, key: observer["key"]);
        await ShouldBeAsync(refused, 403, "forbidden", "permission_error");
    }

    [Fact]
    public async Task A_provider_that_repeats_its_key_in_an_error_does_not_reach_the_caller_or_the_database()
    {
        var module = await gateway.ModuleAsync("/v1/chat/completions", Behaviour.WrongKey, Stop);
        using var answer = await gateway.AskAsync("/v1/chat/completions", module.Id, stream: false, Stop);
        (await answer.Content.ReadAsStringAsync(Stop)).ShouldNotContain(StandInProvider.Key[..8]);
        await ShouldBeAsync(answer, 502, "upstream_failed", "server_error");
        (await gateway.Host.SqlAsync<long>($"select count(*) from events where data::text like '%{StandInProvider.Key}%'", Stop)).ShouldBe(0);
    }

    [Fact]
    public async Task A_body_with_fifty_mebibytes_of_image_passes_and_one_beyond_the_limit_is_told_so()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        void Image(JsonObject body, int mebibytes) => body["messages"]![0]!["content"] = new JsonArray(new JsonObject
        {
            ["type"] = "image",
            ["source"] = new JsonObject { ["type"] = "base64", ["media_type"] = "image/png", ["data"] = new string('A', mebibytes * 1024 * 1024) },
        });
        using var answer = await gateway.AskAsync("/v1/messages", module.Id, stream: false, Stop, more: b => Image(b, 50));
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        using var refused = await gateway.AskAsync("/v1/messages", module.Id, stream: false, Stop, more: b => Image(b, 65));
        await ShouldBeAsync(refused, 413, "payload_too_large", "request_too_large");
    }

    [Fact]
    public async Task Clients_that_look_whether_anybody_is_there_are_not_sent_to_sign_in()
    {
        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = gateway.Host.Address };
        using var head = new HttpRequestMessage(HttpMethod.Head, "/");
        (await http.SendAsync(head, Stop)).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var client = new HttpRequestMessage(HttpMethod.Get, "/");
        client.Headers.Add("Accept", "*/*");
        (await http.SendAsync(client, Stop)).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var browser = new HttpRequestMessage(HttpMethod.Get, "/");
        browser.Headers.Add("Accept", "text/html");
        (await http.SendAsync(browser, Stop)).StatusCode.ShouldBe(HttpStatusCode.Redirect);
    }

    [Fact]
    public async Task Models_are_listed_as_each_dialect_lists_them()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        var alias = await gateway.RouteAsync(Stop, module);
        using var http = gateway.Host.Client().Http;
        var openai = JsonNode.Parse(await http.GetStringAsync(new Uri(gateway.Host.Address, "/v1/models"), Stop))!;
        openai["object"]!.ToString().ShouldBe("list");
        http.DefaultRequestHeaders.Add("anthropic-version", "2023-06-01");
        var anthropic = JsonNode.Parse(await http.GetStringAsync(new Uri(gateway.Host.Address, "/v1/models"), Stop))!;
        anthropic["data"]!.AsArray().Select(m => m!["id"]!.ToString()).ShouldContain(alias);
        JsonNode.Parse(await http.GetStringAsync(new Uri(gateway.Host.Address, $"/v1/models/{alias}"), Stop))!["type"]!.ToString().ShouldBe("model");
    }

    [Fact]
    public async Task Five_failures_keep_calls_away_until_the_founder_lets_them_pass()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Fail, Stop);
        for (var i = 0; i < 5; i++)
        {
            using var failed = await gateway.AskAsync("/v1/messages", module.Id, stream: false, Stop);
            failed.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        }

        var asked = gateway.Provider.TimesAsked(module.Upstream);
        using var refused = await gateway.AskAsync("/v1/messages", module.Id, stream: false, Stop);
        refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 60);
        await ShouldBeAsync(refused, 503, "breaker_open", "overloaded_error");
        gateway.Provider.TimesAsked(module.Upstream).ShouldBe(asked);

        var id = $"{module.Provider}:{module.Id}";
        (await BreakerAsync(id))!["state"]!.ToString().ShouldBe("open");
        (await gateway.Founder.PostAsync($"breakers/{id}/reset", null, Stop))["state"].ShouldBe("closed");
        using var again = await gateway.AskAsync("/v1/messages", module.Id, stream: false, Stop);
        again.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        (await gateway.Founder.PostAsync("breakers/no:such/reset", null, Stop)).Code.ShouldBe("not_found");
    }

    [Fact]
    public async Task A_throttled_module_is_not_broken_and_is_asked_last()
    {
        var throttled = await gateway.ModuleAsync("/v1/messages", Behaviour.ThrottleForLong, Stop);
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        var alias = await gateway.RouteAsync(Stop, throttled, module);
        for (var i = 0; i < 7; i++)
        {
            using var answer = await gateway.AskAsync("/v1/messages", alias, stream: false, Stop);
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        gateway.Provider.TimesAsked(throttled.Upstream).ShouldBe(1);
        var breaker = await BreakerAsync($"{throttled.Provider}:{throttled.Id}");
        (breaker!["state"]!.ToString(), breaker["health"]!.ToString()).ShouldBe(("closed", "throttled"));
    }

    [Fact]
    public async Task A_fallback_never_goes_to_a_module_that_is_trusted_less()
    {
        var failing = await gateway.ModuleAsync("/v1/messages", Behaviour.Fail, Stop, trust: "high");
        var lesser = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop, trust: "low");
        using var answer = await gateway.AskAsync("/v1/messages", await gateway.RouteAsync(Stop, failing, lesser), stream: false, Stop);
        answer.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        gateway.Provider.TimesAsked(lesser.Upstream).ShouldBe(0);
    }

    [Fact]
    public async Task Why_a_call_went_where_it_went_is_kept()
    {
        var failing = await gateway.ModuleAsync("/v1/messages", Behaviour.Fail, Stop);
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        var alias = await gateway.RouteAsync(Stop, failing, module);
        using var answer = await gateway.AskAsync("/v1/messages", alias, stream: false, Stop);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        JsonNode? decision;
        while ((decision = (await gateway.Founder.GetAsync($"gateway/decisions?module={module.Id}", Stop)).Body!["items"]!.AsArray().FirstOrDefault()) is null)
        {
            await timer.WaitForNextTickAsync(Stop);
        }

        decision["requested_model"]!.ToString().ShouldBe(alias);
        decision["steps"]!.AsArray().Select(s => $"{s!["module"]} {s["what"]} {s["why"]}".TrimEnd())
            .ShouldBe([$"{failing.Id} failed error", $"{failing.Id} failed error", $"{module.Id} answered"]);
    }

    [Fact]
    public async Task An_agent_over_its_budget_is_refused_in_both_dialects_before_the_provider_is_asked()
    {
        var agent = await gateway.Founder.PostAsync("agents", new { name = "spends-too-much", kind = "test" }, Stop);
        await gateway.Founder.PostAsync("budgets", new { scope = "agent", scope_id = agent["agent_id"], period = "total", hard_limit = 0.0001, currency = "USD" }, Stop);
        foreach (var (path, type) in new[] { ("/v1/messages", "billing_error"), ("/v1/chat/completions", "insufficient_quota"), ("/v1/responses", "insufficient_quota") })
        {
            var module = await gateway.ModuleAsync(path, Behaviour.Answer, Stop);
            using var answer = await gateway.AskAsync(path, module.Id, stream: true, Stop, key: agent["key"]);
            await ShouldBeAsync(answer, 402, "budget_exhausted", type);
            gateway.Provider.TimesAsked(module.Upstream).ShouldBe(0);
        }
    }

    [Fact]
    public async Task A_price_from_a_later_moment_leaves_the_older_one_in_force_and_its_history_stays()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        await gateway.Founder.PostAsync("catalogue", new { prices = new[] { new { module = module.Id, effective_from = "2999-01-01T00:00:00Z", currency = "EUR", input = 1, output = 1 } } }, Stop);
        (await gateway.Founder.PostAsync("catalogue", new { modules = new[] { new { id = module.Id, provider = module.Provider, upstream_model = module.Upstream } } }, Stop))["changed"].ShouldBe("0");
        (await gateway.AskAsync("/v1/messages", module.Id, stream: false, Stop)).Dispose();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (await gateway.Host.SqlAsync<long>($"select count(*) from cost_events where module_id = '{module.Id}' and currency = 'USD' and price_id is not null", Stop) == 0)
        {
            await timer.WaitForNextTickAsync(Stop);
        }

        var refused = await gateway.Founder.PostAsync("catalogue", new { providers = new[] { new { id = "bad", endpoint = "https://x.example/v1", dialect = "openai", credential = "sk-pasted" } } }, Stop);
        refused.Code.ShouldBe("validation_failed");
        refused.Body!["errors"]!.AsObject().Select(e => e.Key).ShouldBe(["providers[0].endpoint", "providers[0].credential"], ignoreOrder: true);
        refused.Body.ToJsonString().ShouldNotContain("sk-pasted");
        (await gateway.Founder.GetAsync($"catalogue/history?key={module.Id}", Stop)).Body!["items"]!.AsArray().Count.ShouldBe(1);
    }

    private async Task<JsonNode?> BreakerAsync(string id) =>
        (await gateway.Founder.GetAsync("breakers", Stop)).Body!["items"]!.AsArray().FirstOrDefault(b => b!["id"]!.ToString() == id);

    private static async Task ShouldBeAsync(HttpResponseMessage answer, int status, string code, string type)
    {
        var text = await answer.Content.ReadAsStringAsync(Stop);
        ((int)answer.StatusCode).ShouldBe(status, text);
        var error = JsonNode.Parse(text)!["error"]!;
        (error["code"]?.ToString(), error["type"]!.ToString()).ShouldBe((code, type));
    }
}
