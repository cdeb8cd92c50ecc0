using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Governance;
using ControlCenter.TestSupport;
using ControlCenter.TestSupport.Models;
using ControlCenter.Tests.Models;
using ControlCenter.Tests.Work;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Governance;

public sealed class SpendBreakerTests(GatewayFixture gateway) : IClassFixture<GatewayFixture>
{
    private static int _names;

    private readonly string _name = $"breaker-{Interlocked.Increment(ref _names)}";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private SpendBreakers Breakers => gateway.Host.Services.GetRequiredService<SpendBreakers>();

    private Attribution Who => new(Actor.FounderId, Project: _name);

    private string Id => $"spend:{_name}:{_name}";

    [Fact]
    public async Task A_project_that_spends_too_fast_is_stopped_within_seconds_alerted_once_put_on_probation_and_let_back()
    {
        await SetAsync(new { scope = "project", signal = "spend_rate", allowed = 1, times = 2, open_seconds = 60, probe_calls = 2, probe_amount = 0.5 });
        await SpendAsync(1.9m);
        await Breakers.CheckAsync(Who, "m", "p", new Money(1, "USD"), Stop);
        var since = TimeProvider.System.GetTimestamp();
        await SpendAsync(0.3m);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => SpendAsync(0.1m)));
        var refusal = await RefusedAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"open after {TimeProvider.System.GetElapsedTime(since).TotalMilliseconds:0} ms");
        refusal.Code.ShouldBe("breaker_open");
        refusal.RetryAfterSeconds!.Value.ShouldBeInRange(1, 60);
        refusal.Message.ShouldContain(_name);
        (await CountAsync("governor.spend_breaker_opened")).ShouldBe(1);
        (await CountAsync("alert.raised")).ShouldBe(1);
        (await OpenAsync())!["state"]!.ToString().ShouldBe("open");

        // Nobody else is held up, and another project least of all.
        await Breakers.CheckAsync(new Attribution(Actor.FounderId, Project: "another"), "m", "p", new Money(1, "USD"), Stop);

        await TimePassesAsync();
        await LeaseTests.Eventually(async () => (await OpenAsync())?["state"]?.ToString() == "half_open");
        await LeaseTests.Eventually(() => PassesAsync(0.3m));
        (await RefusedAsync(0.3m)).RetryAfterSeconds.ShouldBe(10);
        await TimePassesAsync();
        await LeaseTests.Eventually(async () => (await OpenAsync())?["state"]?.ToString() == "open");
        (await CountAsync("alert.raised")).ShouldBe(1, "it is the same runaway");

        await TimePassesAsync();
        await LeaseTests.Eventually(async () => (await OpenAsync())?["state"]?.ToString() == "half_open");
        await TimePassesAsync();
        await LeaseTests.Eventually(async () => await OpenAsync() is null);
        await LeaseTests.Eventually(() => PassesAsync(5));
        (await CountAsync("governor.spend_breaker_closed")).ShouldBe(1);
        await gateway.Founder.SendAsync(HttpMethod.Delete, $"policies/{_name}", null, null, Stop);
    }

    [Theory]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    public async Task The_gateway_refuses_in_its_callers_dialect_until_the_founder_resets_it(string path)
    {
        var module = await gateway.ModuleAsync(path, Behaviour.Answer, Stop);
        await SetAsync(new { scope = "module", scope_id = module.Id, signal = "spend_rate", allowed = 0 });
        using (var first = await gateway.AskAsync(path, module.Id, stream: false, Stop))
        {
            first.StatusCode.ShouldBe(HttpStatusCode.OK);
            await first.Content.ReadAsStringAsync(Stop);
        }

        HttpResponseMessage? refused = null;
        var passed = 1;
        await LeaseTests.Eventually(async () =>
        {
            refused = await gateway.AskAsync(path, module.Id, stream: false, Stop);
            passed += refused.IsSuccessStatusCode ? 1 : 0;
            return refused.StatusCode == HttpStatusCode.ServiceUnavailable;
        });
        refused!.Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 300);
        var said = JsonNode.Parse(await refused.Content.ReadAsStringAsync(Stop))!;
        said["error"]!.ToJsonString().ShouldContain("breaker_open");

        // One that passed before it opened would count anew if it were settled only after the reset.
        await LeaseTests.Eventually(async () => await gateway.Host.SqlAsync<long>($"select count(*) from cost_events where module_id = '{module.Id}'", Stop) == passed);
        (await gateway.Founder.PostAsync($"breakers/{Uri.EscapeDataString($"spend:{_name}:{module.Id}")}/reset", null, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        using var again = await gateway.AskAsync(path, module.Id, stream: false, Stop);
        again.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Calls_that_fail_too_often_open_it_and_a_probation_that_goes_well_closes_it()
    {
        await SetAsync(new { scope = "project", scope_id = _name, signal = "error_rate", allowed = 0.5, fewest_calls = 4, probe_calls = 2 });
        foreach (var end in new[] { CallEnd.Failed, CallEnd.Completed, CallEnd.CutByUpstream })
        {
            await SpendAsync(0, end);
        }

        await SpendAsync(0, CallEnd.Throttled);
        await SpendAsync(0, CallEnd.Failed);
        await RefusedAsync();
        await TimePassesAsync();
        await LeaseTests.Eventually(async () => (await OpenAsync())?["state"]?.ToString() == "half_open");
        await SpendAsync(0);
        await SpendAsync(0);
        await LeaseTests.Eventually(async () => await OpenAsync() is null);
    }

    [Fact]
    public async Task Calls_that_are_retried_too_often_open_it()
    {
        await SetAsync(new { scope = "project", scope_id = _name, signal = "retry_rate", allowed = 1, fewest_calls = 2 });
        await SpendAsync(0, retries: 3);
        await SpendAsync(0, retries: 0);
        await RefusedAsync();
    }

    [Fact]
    public async Task A_correction_and_a_cost_of_long_ago_open_nothing()
    {
        await SetAsync(new { scope = "project", scope_id = _name, signal = "spend_rate", allowed = 1 });
        await Settle(Cost(50) with { At = DateTimeOffset.UtcNow.AddHours(-2) });
        await SpendAsync(2);
        await RefusedAsync();
        var breaker = (await OpenAsync())!;
        ((decimal)breaker["rate"]!).ShouldBe(24, "two dollars in five minutes, and none of the fifty");
    }

    [Fact]
    public async Task A_policy_is_set_changed_listed_and_deleted_on_the_record()
    {
        var set = await SetAsync(new { scope = "agent", signal = "spend_rate", allowed = 2.5, times = 4 });
        (set["kind"], set["scope"]).ShouldBe(("breaker", "agent"));
        set.Body!["scope_id"].ShouldBeNull();
        ((decimal)set.Body["threshold"]!, (int)set.Body["short_seconds"]!, (int)set.Body["long_seconds"]!).ShouldBe((10, 300, 3600));
        (await SetAsync(new { scope = "project", scope_id = _name, signal = "spend_rate", allowed = 0 }))["scope_id"].ShouldBe(_name);
        await SpendAsync(1);
        await RefusedAsync();
        (await gateway.Founder.GetAsync("policies", Stop)).Body!["items"]!.AsArray().ShouldContain(p => p!["name"]!.ToString() == _name);

        (await gateway.Founder.SendAsync(HttpMethod.Delete, $"policies/{_name}", null, null, Stop)).Status.ShouldBe(HttpStatusCode.NoContent);
        await Breakers.CheckAsync(Who, "m", "p", new Money(1, "USD"), Stop);
        (await gateway.Founder.GetAsync($"policies/{_name}", Stop)).Code.ShouldBe("not_found");
        (await gateway.Founder.SendAsync(HttpMethod.Delete, $"policies/{_name}", null, null, Stop)).Code.ShouldBe("not_found");
        (await gateway.Host.SqlAsync<string>($"select string_agg(action, ' ' order by at) from audit_entries where subject = 'policy:{_name}'", Stop)).ShouldBe("policy.changed policy.changed policy.deleted");
    }

    [Theory]
    [InlineData("""{"scope":"agent","signal":"spend_rate","allowed":-1}""", "allowed")]
    [InlineData("""{"scope":"agent","signal":"error_rate","allowed":2}""", "allowed")]
    [InlineData("""{"scope":"agent","signal":"spend_rate","allowed":1,"times":0.5}""", "times")]
    [InlineData("""{"scope":"agent","signal":"spend_rate","allowed":1,"scope_id":"Ada"}""", "scope_id")]
    [InlineData("""{"scope":"agent","signal":"spend_rate","allowed":1,"short_seconds":600,"long_seconds":300}""", "long_seconds")]
    public async Task A_policy_that_makes_no_sense_is_refused_and_the_field_is_named(string body, string field)
    {
        var answer = await gateway.Founder.SendAsync(HttpMethod.Put, $"policies/{_name}", System.Text.Encoding.UTF8.GetBytes(body), null, Stop);
        answer.Code.ShouldBe("validation_failed");
        answer.Body!["errors"]![field].ShouldNotBeNull();
    }

    [Fact]
    public async Task Only_the_founder_sets_policies_and_resets_breakers()
    {
        var agent = await gateway.Founder.PostAsync("agents", new { name = _name, kind = "test" }, Stop);
        using var bus = gateway.Host.Client(agent["key"]);
        (await bus.SendAsync(HttpMethod.Put, $"policies/{_name}", """{"scope":"agent","signal":"spend_rate","allowed":1}"""u8.ToArray(), null, Stop)).Code.ShouldBe("forbidden");
        (await bus.PostAsync($"breakers/{Uri.EscapeDataString(Id)}/reset", null, Stop)).Code.ShouldBe("forbidden");
        (await gateway.Founder.PostAsync($"breakers/{Uri.EscapeDataString(Id)}/reset", null, Stop)).Code.ShouldBe("not_found");
        (await bus.GetAsync("policies", Stop)).Status.ShouldBe(HttpStatusCode.OK);
    }

    private async Task<BusAnswer> SetAsync(object policy)
    {
        var answer = await gateway.Founder.SendAsync(HttpMethod.Put, $"policies/{_name}", JsonSerializer.SerializeToUtf8Bytes(policy), null, Stop);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Body?.ToJsonString());
        return answer;
    }

    private CostEvent Cost(decimal amount, CallEnd end = CallEnd.Completed, int retries = 0) => new()
    {
        EventId = Guid.CreateVersion7(), At = DateTimeOffset.UtcNow, Attribution = Who, ModuleId = "m", Provider = "p", EstimatedCost = amount, Currency = "USD",
        Knowledge = CostKnowledge.Exact, End = end, Retries = retries,
    };

    private Task SpendAsync(decimal amount, CallEnd end = CallEnd.Completed, int retries = 0) => Settle(Cost(amount, end, retries));

    private Task Settle(CostEvent cost) => gateway.Host.Services.GetRequiredService<SettleCall>().ExecuteAsync(null, cost, Stop);

    private async Task<bool> PassesAsync(decimal worstCase)
    {
        try
        {
            await Breakers.CheckAsync(Who, "m", "p", new Money(worstCase, "USD"), Stop);
            return true;
        }
        catch (UnavailableException)
        {
            return false;
        }
    }

    private async Task<UnavailableException> RefusedAsync(decimal worstCase = 1)
    {
        UnavailableException? refusal = null;
        await LeaseTests.Eventually(async () =>
        {
            try
            {
                await Breakers.CheckAsync(Who, "m", "p", new Money(worstCase, "USD"), Stop);
            }
            catch (UnavailableException refused)
            {
                refusal = refused;
            }

            return refusal is not null;
        });
        return refusal!;
    }

    private async Task<JsonNode?> OpenAsync() =>
        (await gateway.Founder.GetAsync("breakers", Stop)).Body!["items"]!.AsArray().FirstOrDefault(b => b!["id"]!.ToString() == Id);

    private Task<long> CountAsync(string kind) => gateway.Host.SqlAsync<long>($"select count(*) from events where kind = '{kind}' and subject_id = '{Id}'", Stop);

    private Task TimePassesAsync() => gateway.Host.SqlAsync<int>(
        $"with e as (update spend_breakers set open_until = clock_timestamp() where policy = '{_name}' returning 1) select count(*)::int from e", Stop);
}
