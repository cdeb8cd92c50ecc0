using System.Text.Json.Nodes;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Models;
using ControlCenter.TestSupport;
using ControlCenter.TestSupport.Models;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlCenter.Tests.Models;

/// <summary>What can be called, as a file says it, and as it stands.</summary>
public sealed class CatalogueTests(GatewayFixture gateway) : IClassFixture<GatewayFixture>, IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"cc-models-{Guid.NewGuid():N}.json");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("", "$ (line 1)")]
    [InlineData("null", "it is null")]
    [InlineData("[]", "$ (line 1)")]
    [InlineData("{ \"modules\": [\n { \"id\": \"m\" } ] }", "$.modules[0] (line 2)")]
    [InlineData("{ \"modules\": [ { \"id\": \"m\", \"provider\": \"p\", \"upstream_model\": \"u\", \"colour\": 1 } ] }", "$.modules[0].colour (line 1)")]
    [InlineData("{ \"prices\": [ { \"module\": \"m\", \"effective_from\": \"soon\", \"currency\": \"USD\", \"input\": 1, \"output\": 1 } ] }", "$.prices[0].effective_from (line 1)")]
    [InlineData("{ \"modules\": [ { \"id\": \"m\", \"provider\": \"nobody\", \"upstream_model\": \"u\" } ] }", "modules[0].provider: There is no provider 'nobody'.")]
    [InlineData("{ \"routes\": [ { \"alias\": \"r\", \"modules\": [\"none\"] } ] }", "routes[0].modules: There is no module 'none'.")]
    public async Task A_file_that_is_wrong_is_named_with_the_place_and_what_was_in_force_stays(string text, string place)
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        await File.WriteAllTextAsync(_file, text, Stop);
        var versions = await gateway.Host.SqlAsync<long>("select count(*) from catalogue_entries", Stop);
        using var load = Loader();
        var refused = await Should.ThrowAsync<CatalogueFileException>(() => load.ExecuteAsync(Stop));
        refused.Message.ShouldContain(_file);
        refused.Message.ShouldContain(place);
        (await gateway.Host.SqlAsync<long>("select count(*) from catalogue_entries", Stop)).ShouldBe(versions);
        using var answer = await gateway.AskAsync("/v1/messages", module.Id, stream: false, Stop);
        answer.EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_named()
    {
        using var load = Loader();
        (await Should.ThrowAsync<CatalogueFileException>(() => load.ExecuteAsync(Stop))).Message.ShouldContain($"{_file}: it cannot be read");
    }

    [Fact]
    public async Task A_key_that_was_written_into_the_file_is_refused_and_not_repeated()
    {
        await File.WriteAllTextAsync(_file, """{ "providers": [ { "id": "p", "endpoint": "https://p.example", "dialect": "openai", "credential": "sk-secret" } ] }""", Stop);
        using var load = Loader();
        var refused = await Should.ThrowAsync<CatalogueFileException>(() => load.ExecuteAsync(Stop));
        refused.Message.ShouldContain("providers[0].credential");
        refused.Message.ShouldNotContain("sk-secret");
    }

    [Fact]
    public async Task A_file_may_have_comments_and_is_in_force_at_once_and_read_again_changes_nothing()
    {
        await File.WriteAllTextAsync(_file, $$"""
            {
              // Ours.
              "providers": [ { "id": "of-a-file", "endpoint": "{{gateway.Provider.Endpoint}}", "dialect": "anthropic", "credential": "env:{{GatewayFixture.KeyVariable}}" } ],
              "modules": [ { "id": "of-a-file", "provider": "of-a-file", "upstream_model": "answer-of-a-file", "evidence": [ { "field": "price", "source": "a contract", "verified_at": "2026-01-01T00:00:00Z" } ] }, ],
              "prices": [ { "module": "of-a-file", "effective_from": "2020-01-01T02:00:00+02:00", "currency": "USD", "input": 1, "output": 1 } ],
            }
            """, Stop);
        using var load = Loader();
        await load.ExecuteAsync(Stop);
        await load.ExecuteAsync(Stop);
        (await gateway.Host.SqlAsync<long>("select count(*) from catalogue_entries where source = 'file' and key like 'of-a-file%'", Stop)).ShouldBe(3);
        using var answer = await gateway.AskAsync("/v1/messages", "of-a-file", stream: false, Stop);
        answer.EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task A_breaker_that_is_open_is_open_after_a_restart()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Fail, Stop);
        for (var i = 0; i < 5; i++)
        {
            (await gateway.AskAsync("/v1/messages", module.Id, stream: false, Stop)).Dispose();
        }

        await UntilAsync(async () => await gateway.Host.SqlAsync<long>($"select count(*) from breakers where id = '{module.Provider}:{module.Id}' and state = 'open'", Stop) == 1);
        await using var restarted = await RunningHost.StartAsync(Stop, gateway.Host.ConnectionString);
        using var founder = restarted.Client();
        var breaker = (await founder.GetAsync("breakers", Stop)).Body!["items"]!.AsArray().Single(b => b!["module"]!.ToString() == module.Id)!;
        (breaker["state"]!.ToString(), (int)breaker["failures"]!).ShouldBe(("open", 5));
    }

    [Fact]
    public async Task A_subscription_whose_window_is_used_up_is_passed_over_until_there_is_room_and_its_breaker_stays_closed()
    {
        var spare = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        var module = await SubscribedAsync("calls", 2);
        var route = await gateway.RouteAsync(Stop, module, spare);
        for (var i = 0; i < 2; i++)
        {
            using var answer = await gateway.AskAsync("/v1/messages", route, stream: false, Stop);
            answer.Headers.GetValues("x-cc-module").Single().ShouldBe(module.Id);
        }

        await UntilAsync(async () => await UsedAsync(module.Id) == 2);
        using (var answer = await gateway.AskAsync("/v1/messages", route, stream: false, Stop))
        {
            answer.Headers.GetValues("x-cc-module").Single().ShouldBe(spare.Id);
        }

        using (var refused = await gateway.AskAsync("/v1/messages", module.Id, stream: false, Stop))
        {
            var error = JsonNode.Parse(await refused.Content.ReadAsStringAsync(Stop))!["error"]!;
            ((int)refused.StatusCode, error["code"]!.ToString(), error["type"]!.ToString()).ShouldBe((429, "window_used_up", "rate_limit_error"));
            refused.Headers.RetryAfter!.Delta!.Value.TotalHours.ShouldBeInRange(4.9, 5.1);
        }

        var standing = await StandingAsync(module.Id);
        (standing["breaker"]!["state"]!.ToString(), standing["breaker"]!["health"]!.ToString()).ShouldBe(("closed", "healthy"));
        standing["windows"]![0]!["room_at"].ShouldNotBeNull();
        gateway.Provider.TimesAsked(module.Upstream).ShouldBe(2);

        // A call is a part of what the fee allows: 730.5 / 5 windows of two calls a month.
        (await gateway.Host.SqlAsync<string>($"select string_agg(knowledge || ' ' || estimated_cost::numeric(12, 6), ', ') from cost_events where module_id = '{module.Id}'", Stop))
            .ShouldBe("estimated 0.500000, estimated 0.500000");
    }

    [Fact]
    public async Task What_is_used_of_a_subscription_elsewhere_counts_too_once_it_is_reported()
    {
        var module = await SubscribedAsync("tokens", 1_000);
        var reported = await gateway.Founder.PostAsync("cost-events", new { module_id = module.Id, access_path = "subscription", usage_units_in = 300, usage_units_out = 100 }, Stop);
        reported.IsRefused.ShouldBeFalse(reported.Body?.ToJsonString());
        await UntilAsync(async () => await UsedAsync(module.Id) == 400);
        var window = (await StandingAsync(module.Id))["windows"]![0]!;
        ((int)window["hours"]!, window["unit"]!.ToString(), (decimal)window["used_share"]!).ShouldBe((5, "tokens", 0.4m));
        window["exhausted_at"].ShouldNotBeNull();
    }

    [Fact]
    public async Task A_module_past_its_end_is_not_called_and_its_route_falls_to_the_next()
    {
        var ended = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        var next = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        await gateway.Founder.PostAsync("catalogue", new { modules = new[] { new { id = ended.Id, provider = ended.Provider, upstream_model = ended.Upstream, ends_at = "2026-01-01T00:00:00Z" } } }, Stop);
        using (var answer = await gateway.AskAsync("/v1/messages", await gateway.RouteAsync(Stop, ended, next), stream: false, Stop))
        {
            answer.Headers.GetValues("x-cc-module").Single().ShouldBe(next.Id);
        }

        using (var refused = await gateway.AskAsync("/v1/messages", ended.Id, stream: false, Stop))
        {
            ((int)refused.StatusCode).ShouldBe(404);
            (await refused.Content.ReadAsStringAsync(Stop)).ShouldContain("was ended by its provider");
        }

        gateway.Provider.TimesAsked(ended.Upstream).ShouldBe(0);
        (await StandingAsync(ended.Id))["warnings"]![0]!.ToString().ShouldContain("ended it on 2026-01-01");
    }

    private LoadCatalogue Loader()
    {
        var services = gateway.Host.Services;
        return new LoadCatalogue(
            services.GetRequiredService<NpgsqlDataSource>(), services.GetRequiredService<Transactions>(), services.GetRequiredService<ModelCatalogue>(),
            services.GetRequiredService<Breakers>(), new GatewayOptions(_file), TimeProvider.System);
    }

    private async Task<TestModule> SubscribedAsync(string unit, int limit)
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop, priced: false);
        var changed = await gateway.Founder.PostAsync("catalogue", new
        {
            modules = new[] { new { id = module.Id, provider = module.Provider, upstream_model = module.Upstream, access_path = "subscription" } },
            prices = new[]
            {
                new
                {
                    module = module.Id, effective_from = "2020-01-01T00:00:00Z", currency = "USD", input = 0, output = 0,
                    subscription = new { per_month = 146.1, windows = new[] { new { hours = 5, unit, limit } } },
                },
            },
        }, Stop);
        changed.IsRefused.ShouldBeFalse(changed.Body?.ToJsonString());
        return module;
    }

    private async Task<JsonNode> StandingAsync(string module) =>
        (await gateway.Founder.GetAsync("modules", Stop)).Body!["items"]!.AsArray().Single(m => m!["id"]!.ToString() == module)!;

    // None is known in the first moment after a price is changed.
    private async Task<decimal?> UsedAsync(string module) => (decimal?)(await StandingAsync(module))["windows"]!.AsArray().FirstOrDefault()?["used"];

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!await condition())
        {
            await timer.WaitForNextTickAsync(Stop);
        }
    }
}
