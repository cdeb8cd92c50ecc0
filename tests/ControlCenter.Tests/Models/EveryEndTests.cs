using System.Text.Json.Nodes;
using ControlCenter.TestSupport;
using ControlCenter.TestSupport.Models;
using Npgsql;

namespace ControlCenter.Tests.Models;

/// <summary>Every endpoint, and every way in which a call can end: one cost, and budgets that agree with it.</summary>
[Takes(seconds: 45)]
public sealed class EveryEndTests(GatewayFixture gateway) : IClassFixture<GatewayFixture>
{
    // 80 tokens in, 20 from the cache, 12 out, at the module's price.
    private const decimal Whole = 0.106m;

    private static readonly string[] Paths = ["/v1/messages", "/v1/chat/completions", "/v1/responses"];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool, Behaviour, string, string, int, int> Ends()
    {
        var table = new TheoryData<string, bool, Behaviour, string, string, int, int>();
        foreach (var path in Paths)
        {
            foreach (var stream in new[] { false, true })
            {
                table.Add(path, stream, Behaviour.Answer, "completed", "exact", 200, 0);
                table.Add(path, stream, Behaviour.FailOnce, "completed", "exact", 200, 1);
                table.Add(path, stream, Behaviour.Fail, "failed", "nothing", 500, 1);
                table.Add(path, stream, Behaviour.Throttle, "throttled", "nothing", 429, 0);
                table.Add(path, stream, Behaviour.Overloaded, "throttled", "nothing", 529, 0);
                table.Add(path, stream, Behaviour.BadRequest, "failed", "nothing", 400, 0);
                table.Add(path, stream, Behaviour.TooLong, "failed", "nothing", 400, 0);
                table.Add(path, stream, Behaviour.WrongKey, "failed", "nothing", 502, 0);
                table.Add(path, stream, Behaviour.Malformed, "failed", "unknown", 502, 1);
                table.Add(path, stream, Behaviour.CutOffAtOnce, "failed", "unknown", 502, 1);
                table.Add(path, stream, Behaviour.Hang, "failed", "unknown", 504, 0);
                table.Add(path, stream, Behaviour.CutOff, stream ? "cut_by_upstream" : "failed", stream ? "estimated" : "unknown", stream ? 200 : 502, stream ? 0 : 1);
                table.Add(path, stream, Behaviour.OmitUsage, "completed", stream ? "estimated" : "unknown", 200, 0);
            }

            table.Add(path, true, Behaviour.HangWithinStream, "cut_by_upstream", "estimated", 200, 0);
        }

        return table;
    }

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_call_is_one_cost_and_its_budget_agrees(string path, bool stream, Behaviour behaviour, string end, string cost, int status, int retries)
    {
        var module = await gateway.ModuleAsync(path, behaviour, Stop);
        var budget = await BudgetAsync(module);
        using (var answer = await gateway.AskAsync(path, module.Id, stream, Stop))
        {
            ((int)answer.StatusCode).ShouldBe(status);
            gateway.Provider.LetOneThrough(module.Upstream);
            await ReadToItsEndAsync(answer);
        }

        await ShouldBeOneCostAsync(module, budget, end, cost, retries, fallbacks: 0);
    }

    [Theory]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    public async Task A_caller_that_hangs_up_ends_the_providers_call_and_is_charged_for_what_was_said(string path)
    {
        var module = await gateway.ModuleAsync(path, Behaviour.Slow, Stop);
        var budget = await BudgetAsync(module);
        gateway.Provider.LetOneThrough(module.Upstream, 3);
        using (var answer = await gateway.AskAsync(path, module.Id, stream: true, Stop))
        {
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Stop));
            while (await reader.ReadLineAsync(Stop) is { } line && !line.Contains("answer", StringComparison.Ordinal))
            {
            }
        }

        await gateway.Provider.CancelledAsync(module.Upstream).WaitAsync(TimeSpan.FromMinutes(2), Stop);
        await ShouldBeOneCostAsync(module, budget, "cut_by_client", "estimated", retries: 0, fallbacks: 0);
    }

    [Theory]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    public async Task A_caller_that_hangs_up_before_anything_was_said_leaves_a_cost_that_nobody_knows(string path)
    {
        var module = await gateway.ModuleAsync(path, Behaviour.Slow, Stop);
        var budget = await BudgetAsync(module);
        var hanging = await gateway.ModuleAsync(path, Behaviour.Hang, Stop);
        await gateway.Founder.PostAsync("catalogue", new { modules = new[] { new { id = module.Id, provider = module.Provider, upstream_model = hanging.Upstream } } }, Stop);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var asking = gateway.AskAsync(path, module.Id, stream: false, patience.Token);
        while (gateway.Provider.TimesAsked(hanging.Upstream) == 0)
        {
            await Task.Yield();
        }

        await patience.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(asking);
        await gateway.Provider.CancelledAsync(hanging.Upstream).WaitAsync(TimeSpan.FromMinutes(2), Stop);
        await ShouldBeOneCostAsync(module, budget, "cut_by_client", "unknown", retries: 0, fallbacks: 0);
    }

    [Theory]
    [InlineData("/v1/messages", Behaviour.Fail, 1)]
    [InlineData("/v1/messages", Behaviour.Throttle, 0)]
    [InlineData("/v1/messages", Behaviour.Overloaded, 0)]
    [InlineData("/v1/messages", Behaviour.TooLong, 0)]
    [InlineData("/v1/messages", Behaviour.ContentPolicy, 0)]
    [InlineData("/v1/messages", Behaviour.WrongKey, 0)]
    [InlineData("/v1/chat/completions", Behaviour.Fail, 1)]
    [InlineData("/v1/chat/completions", Behaviour.TooLong, 0)]
    [InlineData("/v1/responses", Behaviour.Throttle, 0)]
    public async Task Another_module_answers_where_the_first_cannot_and_the_call_is_charged_to_it_alone(string path, Behaviour first, int retries)
    {
        var failing = await gateway.ModuleAsync(path, first, Stop, window: 1000);
        var module = await gateway.ModuleAsync(path, Behaviour.Answer, Stop, window: 2000);
        var left = await BudgetAsync(failing);
        var budget = await BudgetAsync(module);
        using (var answer = await gateway.AskAsync(path, await gateway.RouteAsync(Stop, failing, module), stream: true, Stop))
        {
            answer.EnsureSuccessStatusCode();
            answer.Headers.GetValues("x-cc-module").Single().ShouldBe(module.Id);
            await ReadToItsEndAsync(answer);
        }

        await ShouldBeOneCostAsync(module, budget, "completed", "exact", retries, fallbacks: 1);
        (await CountersAsync(left)).ShouldBe((0, 0));
    }

    [Theory]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    public async Task What_is_refused_before_a_provider_is_asked_costs_nothing_and_sets_nothing_aside(string path)
    {
        var module = await gateway.ModuleAsync(path, Behaviour.Answer, Stop);
        var unpriced = await gateway.ModuleAsync(path, Behaviour.Answer, Stop, priced: false);
        var budget = await BudgetAsync(module);
        var events = await gateway.Host.SqlAsync<long>("select count(*) from cost_events", Stop);
        foreach (var (model, key, status) in new[] { ("no-such-model", null, 404), (unpriced.Id, null, 400), (module.Id, "no-such-key", 401) })
        {
            using var answer = await gateway.AskAsync(path, model, stream: true, Stop, key);
            ((int)answer.StatusCode).ShouldBe(status);
        }

        using (var malformed = await gateway.AskAsync(path, module.Id, stream: false, Stop, more: b => b["stream_options"] = new JsonArray(1), headers: h => h.Add("x-cc-task", "no-id")))
        {
            ((int)malformed.StatusCode).ShouldBe(400);
        }

        using (var tooLarge = await gateway.AskAsync(path, module.Id, stream: false, Stop, more: b => b["padding"] = new string('a', 65 * 1024 * 1024)))
        {
            ((int)tooLarge.StatusCode).ShouldBe(413);
        }

        (gateway.Provider.TimesAsked(module.Upstream), gateway.Provider.TimesAsked(unpriced.Upstream)).ShouldBe((0, 0));
        (await CountersAsync(budget), await ReservationsAsync(module)).ShouldBe(((0, 0), 0));
        (await gateway.Host.SqlAsync<long>("select count(*) from cost_events", Stop)).ShouldBe(events);
    }

    [Theory]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    public async Task A_body_of_fifty_mebibytes_is_one_cost_like_any_other(string path)
    {
        var module = await gateway.ModuleAsync(path, Behaviour.Answer, Stop, window: 200_000);
        var budget = await BudgetAsync(module, limit: 100_000);
        var image = new JsonObject { ["type"] = "image", ["data"] = new string('A', 50 * 1024 * 1024) };
        using var answer = await gateway.AskAsync(path, module.Id, stream: false, Stop, more: b => b["picture"] = image);
        ((int)answer.StatusCode).ShouldBe(200);
        await ShouldBeOneCostAsync(module, budget, "completed", "exact", retries: 0, fallbacks: 0);
    }

    [Theory]
    [InlineData("/v1/messages")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/responses")]
    public async Task What_no_module_of_a_route_could_answer_is_one_cost_that_is_nothing(string path)
    {
        var first = await gateway.ModuleAsync(path, Behaviour.Fail, Stop);
        var last = await gateway.ModuleAsync(path, Behaviour.Throttle, Stop);
        var left = await BudgetAsync(first);
        var budget = await BudgetAsync(last);
        using (var answer = await gateway.AskAsync(path, await gateway.RouteAsync(Stop, first, last), stream: true, Stop))
        {
            ((int)answer.StatusCode).ShouldBe(429);
            answer.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(7));
        }

        await ShouldBeOneCostAsync(last, budget, "throttled", "nothing", retries: 1, fallbacks: 1);
        (await CountersAsync(left)).ShouldBe((0, 0));
    }

    [Fact]
    public async Task Two_hundred_parallel_calls_never_pass_a_budget_of_one_dollar()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        var budget = await BudgetAsync(module, limit: 1);
        var answered = 0;
        await Parallel.ForAsync(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 200, CancellationToken = Stop }, async (call, stop) =>
        {
            using var answer = await gateway.AskAsync("/v1/messages", module.Id, stream: call % 2 == 0, stop);
            ((int)answer.StatusCode).ShouldBeOneOf(200, 402);
            await answer.Content.ReadAsStringAsync(stop);
            Interlocked.Add(ref answered, answer.IsSuccessStatusCode ? 1 : 0);
        });

        // Each may cost 0.2 and something, and costs 0.106: what was set aside is always more, so nothing passes the limit.
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (await ReservationsAsync(module) > 0)
        {
            await timer.WaitForNextTickAsync(Stop);
        }

        var (spent, reserved) = await CountersAsync(budget);
        (spent, reserved).ShouldBe((answered * Whole, 0));
        spent.ShouldBeInRange(Whole, 1);
        gateway.Provider.TimesAsked(module.Upstream).ShouldBe(answered, "who was refused did not reach the provider");
        (await gateway.Host.SqlAsync<long>($"select count(*) from cost_events where module_id = '{module.Id}'", Stop)).ShouldBe(answered);
    }

    [Fact]
    public async Task Counting_tokens_costs_nothing_and_is_recorded()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        var budget = await BudgetAsync(module);
        using var answer = await gateway.AskAsync("/v1/messages/count_tokens", module.Id, stream: false, Stop);
        JsonNode.Parse(await answer.Content.ReadAsStringAsync(Stop))!["input_tokens"]!.GetValue<int>().ShouldBe(100);
        await ShouldBeOneCostAsync(module, budget, "completed", "nothing", retries: 0, fallbacks: 0);
    }

    private Task<long> ReservationsAsync(TestModule module) => gateway.Host.SqlAsync<long>($"select count(*) from budget_reservations where module_id = '{module.Id}'", Stop);

    private async Task<string> BudgetAsync(TestModule module, decimal limit = 100)
    {
        var answer = await gateway.Founder.PostAsync("budgets", new { scope = "module", scope_id = module.Id, period = "total", hard_limit = limit, currency = "USD" }, Stop);
        answer.Status.ShouldBe(System.Net.HttpStatusCode.Created, answer.Body?.ToJsonString());
        return answer["budget_id"];
    }

    private static async Task ReadToItsEndAsync(HttpResponseMessage answer)
    {
        try
        {
            await answer.Content.ReadAsStringAsync(Stop);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException)
        {
            // The connection was cut: that is how half an answer ends.
        }
    }

    private async Task ShouldBeOneCostAsync(TestModule module, string budget, string end, string cost, int retries, int fallbacks)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (await gateway.Host.SqlAsync<long>($"select count(*) from cost_events where module_id = '{module.Id}'", Stop) == 0)
        {
            await timer.WaitForNextTickAsync(Stop);
        }

        await using var connection = new NpgsqlConnection(gateway.Host.ConnectionString);
        await connection.OpenAsync(Stop);
        await using var command = new NpgsqlCommand(
            $"select call_end, knowledge, estimated_cost, retries, fallbacks, tokens_input, tokens_cache_read, tokens_output from cost_events where module_id = '{module.Id}'", connection);
        await using var reader = await command.ExecuteReaderAsync(Stop);
        await reader.ReadAsync(Stop);
        reader.GetString(0).ShouldBe(end);
        reader.GetString(1).ShouldBe(cost == "nothing" ? "exact" : cost);
        decimal? amount = reader.IsDBNull(2) ? null : reader.GetDecimal(2);
        switch (cost)
        {
            case "exact":
                amount.ShouldBe(Whole);
                (reader.GetInt64(5), reader.GetInt64(6), reader.GetInt64(7)).ShouldBe((80, 20, 12));
                break;
            case "nothing":
                amount.ShouldBe(0);
                break;
            case "unknown":
                amount.ShouldBeNull();
                break;
            default:
                amount!.Value.ShouldBeGreaterThan(0);
                break;
        }

        (reader.GetInt32(3), reader.GetInt32(4)).ShouldBe((retries, fallbacks));
        (await reader.ReadAsync(Stop)).ShouldBeFalse("one call is one cost");
        (await CountersAsync(budget)).ShouldBe((amount ?? 0, 0));
        (await ReservationsAsync(module)).ShouldBe(0);
    }

    private async Task<(decimal Spent, decimal Reserved)> CountersAsync(string budget) => (
        await gateway.Host.SqlAsync<decimal>($"select coalesce(sum(spent), 0) from budget_periods where budget_id = '{budget}'", Stop),
        await gateway.Host.SqlAsync<decimal>($"select coalesce(sum(reserved), 0) from budget_periods where budget_id = '{budget}'", Stop));
}
