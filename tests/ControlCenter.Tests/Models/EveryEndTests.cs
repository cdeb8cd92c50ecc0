using System.Text.Json.Nodes;
using ControlCenter.TestSupport.Models;
using Npgsql;

namespace ControlCenter.Tests.Models;

/// <summary>Every endpoint, and every way in which a call can end: one cost, and budgets that agree with it.</summary>
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

        await gateway.Provider.CancelledAsync(module.Upstream).WaitAsync(TimeSpan.FromSeconds(20), Stop);
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
        await gateway.Provider.CancelledAsync(hanging.Upstream).WaitAsync(TimeSpan.FromSeconds(20), Stop);
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

    [Fact]
    public async Task Counting_tokens_costs_nothing_and_is_recorded()
    {
        var module = await gateway.ModuleAsync("/v1/messages", Behaviour.Answer, Stop);
        var budget = await BudgetAsync(module);
        using var answer = await gateway.AskAsync("/v1/messages/count_tokens", module.Id, stream: false, Stop);
        JsonNode.Parse(await answer.Content.ReadAsStringAsync(Stop))!["input_tokens"]!.GetValue<int>().ShouldBe(100);
        await ShouldBeOneCostAsync(module, budget, "completed", "nothing", retries: 0, fallbacks: 0);
    }

    private async Task<string> BudgetAsync(TestModule module)
    {
        var answer = await gateway.Founder.PostAsync("budgets", new { scope = "module", scope_id = module.Id, period = "total", hard_limit = 100, currency = "USD" }, Stop);
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
    }

    private async Task<(decimal Spent, decimal Reserved)> CountersAsync(string budget) => (
        await gateway.Host.SqlAsync<decimal>($"select coalesce(sum(spent), 0) from budget_periods where budget_id = '{budget}'", Stop),
        await gateway.Host.SqlAsync<decimal>($"select coalesce(sum(reserved), 0) from budget_periods where budget_id = '{budget}'", Stop));
}
