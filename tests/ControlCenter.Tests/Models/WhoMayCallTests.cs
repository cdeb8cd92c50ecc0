using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.TestSupport;
using ControlCenter.TestSupport.Models;

namespace ControlCenter.Tests.Models;

/// <summary>When models are not called: each time in the caller's dialect, with when to come back where that is known, and before the provider is asked.</summary>
public sealed class WhoMayCallTests(GatewayFixture gateway) : IClassFixture<GatewayFixture>
{
    private static int _names;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string, string, string> Dialects() => new()
    {
        { "/v1/messages", "overloaded_error", "permission_error" },
        { "/v1/chat/completions", "server_error", "permission_error" },
        { "/v1/responses", "server_error", "permission_error" },
    };

    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task A_host_that_does_not_admit_execution_calls_no_model_for_agents_and_for_the_founder_by_hand(string path, string unavailable, string forbidden)
    {
        forbidden.ShouldNotBeEmpty();
        await using var alone = new GatewayFixture();
        await alone.InitializeAsync();
        var module = await alone.ModuleAsync(path, Behaviour.Answer, Stop);
        var agent = await alone.Founder.PostAsync("agents", new { name = "waits", kind = "test" }, Stop);
        foreach (var (level, founder) in new[] { ("maintenance", 200), ("manual", 200), ("read_only", 503), ("closed", 503) })
        {
            (await AdmitAsync(alone, level)).Status.ShouldBe(HttpStatusCode.OK);
            using var refused = await alone.AskAsync(path, module.Id, stream: true, Stop, key: agent["key"]);
            await ShouldBeAsync(refused, 503, "admission_closed", unavailable, comesBack: true);
            using var byHand = await alone.AskAsync(path, module.Id, stream: false, Stop);
            ((int)byHand.StatusCode).ShouldBe(founder, level);
        }

        alone.Provider.TimesAsked(module.Upstream).ShouldBe(2, "only the founder's calls were made");
        await AdmitAsync(alone, "controlled");
        using var again = await alone.AskAsync(path, module.Id, stream: false, Stop, key: agent["key"]);
        again.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task A_paused_agent_is_told_to_wait_and_goes_on_when_it_is_resumed(string path, string unavailable, string forbidden)
    {
        forbidden.ShouldNotBeEmpty();
        var module = await gateway.ModuleAsync(path, Behaviour.Answer, Stop);
        var (id, key) = await AgentAsync();
        await InterveneAsync(id, "pause");
        using var refused = await gateway.AskAsync(path, module.Id, stream: false, Stop, key);
        await ShouldBeAsync(refused, 503, "agent_paused", unavailable, comesBack: true);
        gateway.Provider.TimesAsked(module.Upstream).ShouldBe(0);
        await InterveneAsync(id, "resume");
        using var again = await gateway.AskAsync(path, module.Id, stream: false, Stop, key);
        again.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task A_stopped_agent_spends_nothing_more_though_it_says_that_it_has_stopped(string path, string unavailable, string forbidden)
    {
        unavailable.ShouldNotBeEmpty();
        var module = await gateway.ModuleAsync(path, Behaviour.Answer, Stop);
        var (id, key) = await AgentAsync();
        var stop = await InterveneAsync(id, "stop");
        using (var refused = await gateway.AskAsync(path, module.Id, stream: false, Stop, key))
        {
            await ShouldBeAsync(refused, 403, "agent_stopped", forbidden, comesBack: false);
        }

        (await gateway.Host.Client(key).PostAsync($"interventions/{stop}/ack", null, Stop)).IsRefused.ShouldBeFalse();
        using (var refused = await gateway.AskAsync(path, module.Id, stream: false, Stop, key))
        {
            await ShouldBeAsync(refused, 403, "agent_stopped", forbidden, comesBack: false);
        }

        gateway.Provider.TimesAsked(module.Upstream).ShouldBe(0);
        await InterveneAsync(id, "resume");
        using var again = await gateway.AskAsync(path, module.Id, stream: false, Stop, key);
        again.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task An_agent_that_had_stopped_spends_again_once_it_is_given_work()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        var (id, key) = await AgentAsync("stopped-before");
        var stop = await InterveneAsync(id, "stop");
        await gateway.Host.Client(key).PostAsync($"interventions/{stop}/ack", null, Stop);
        var ticket = await gateway.Founder.PostAsync("tickets", new { title = "Work" }, Stop);
        await gateway.Founder.PostAsync($"tickets/{ticket["key"]}/tasks", new { title = "Work", required_capabilities = new[] { "stopped-before" } }, Stop);
        (await gateway.Host.Client(key).PostAsync("tasks/claim", new { agent_id = id }, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        using var answer = await gateway.AskAsync("/v1/messages", module.Id, stream: false, Stop, key);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("stop")]
    [InlineData("revoke")]
    public async Task What_a_stopped_or_revoked_agent_has_under_way_is_ended_and_metered(string how)
    {
        var module = await gateway.ModuleAsync("/v1/chat/completions", Behaviour.Slow, Stop);
        var (id, key) = await AgentAsync();
        gateway.Provider.LetOneThrough(module.Upstream, 3);
        using var answer = await gateway.AskAsync("/v1/chat/completions", module.Id, stream: true, Stop, key);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Stop));
        while (await reader.ReadLineAsync(Stop) is { } line && !line.Contains("answer", StringComparison.Ordinal))
        {
        }

        if (how == "stop")
        {
            await InterveneAsync(id, "stop");
        }
        else
        {
            (await gateway.Founder.PostAsync($"actors/{id}/revoke", null, Stop)).IsRefused.ShouldBeFalse();
        }

        await Should.ThrowAsync<Exception>(() => reader.ReadToEndAsync(Stop));
        await gateway.Provider.CancelledAsync(module.Upstream).WaitAsync(TimeSpan.FromMinutes(2), Stop);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (await gateway.Host.SqlAsync<long>($"select count(*) from cost_events where module_id = '{module.Id}' and knowledge = 'estimated' and estimated_cost > 0", Stop) == 0)
        {
            await timer.WaitForNextTickAsync(Stop);
        }

        (await gateway.Host.SqlAsync<long>($"select count(*) from budget_reservations where module_id = '{module.Id}'", Stop)).ShouldBe(0);
        using var next = await gateway.AskAsync("/v1/chat/completions", module.Id, stream: false, Stop, key);
        ((int)next.StatusCode).ShouldBe(how == "stop" ? 403 : 401);
    }

    [Fact]
    public async Task A_header_that_is_not_ascii_reaches_the_provider_and_is_no_fault_of_the_providers()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        using var handler = new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8 };
        using var http = new HttpClient(handler) { BaseAddress = gateway.Host.Address };
        http.DefaultRequestHeaders.TryAddWithoutValidation("x-api-key", RunningHost.FounderKey);
        http.DefaultRequestHeaders.TryAddWithoutValidation("x-project", "Größe");
        using var content = new StringContent(GatewayFixture.BodyFor("/v1/messages", module.Id, false), System.Text.Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync("/v1/messages", content, Stop);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        gateway.Provider.Seen.Last(s => s.Json["model"]!.ToString() == module.Upstream).Headers["x-project"].ShouldBe("Größe");
    }

    private static Task<BusAnswer> AdmitAsync(GatewayFixture host, string level) =>
        host.Founder.SendAsync(HttpMethod.Put, "admission", System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new { level, reason = "a test" }), null, Stop);

    private async Task<(string Id, string Key)> AgentAsync(params string[] capabilities)
    {
        var agent = await gateway.Founder.PostAsync("agents", new { name = $"caller-{Interlocked.Increment(ref _names)}", kind = "test", capabilities }, Stop);
        return (agent["agent_id"], agent["key"]);
    }

    private async Task<string> InterveneAsync(string agent, string kind)
    {
        var answer = await gateway.Founder.PostAsync($"agents/{agent}/interventions", new { kind }, Stop);
        answer.Status.ShouldBe(HttpStatusCode.Created, answer.Body?.ToJsonString());
        return answer["intervention_id"];
    }

    private static async Task ShouldBeAsync(HttpResponseMessage answer, int status, string code, string type, bool comesBack)
    {
        var text = await answer.Content.ReadAsStringAsync(Stop);
        ((int)answer.StatusCode).ShouldBe(status, text);
        var error = JsonNode.Parse(text)!["error"]!;
        (error["code"]?.ToString(), error["type"]!.ToString()).ShouldBe((code, type));
        (answer.Headers.RetryAfter?.Delta > TimeSpan.Zero).ShouldBe(comesBack);
    }
}
