using System.Net.Http.Headers;
using System.Text.Json;
using ControlCenter.TestSupport;
using ControlCenter.TestSupport.Models;
using Npgsql;

namespace ControlCenter.E2E;

/// <summary>Model calls that are under way when the real host ends: killed, or told to stop.</summary>
[Takes(seconds: 50)]
public sealed class CallsAtTheEndTests : IAsyncLifetime
{
    private const string KeyVariable = "CC_E2E_PROVIDER_KEY";

    private StandInProvider _provider = null!;
    private HostProcess _host = null!;
    private string _database = "", _budget = "", _agent = "", _key = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Environment.SetEnvironmentVariable(KeyVariable, StandInProvider.Key);
        _provider = await StandInProvider.StartAsync();
        _database = await TestCluster.CreateDatabaseAsync(Stop);
        _host = new HostProcess(database: _database);
        await _host.StartAsync(Stop);
        object Module(string id, string behaves) => new { id, provider = "p", upstream_model = behaves };
        object Price(string module) => new { module, effective_from = "2020-01-01T00:00:00Z", currency = "USD", input = 1000, output = 2000, cache_read = 100 };
        (await _host.Founder.PostAsync("catalogue", new
        {
            providers = new[] { new { id = "p", endpoint = _provider.Endpoint, dialect = "anthropic", credential = $"env:{KeyVariable}" } },
            modules = new[] { Module("slow", "slow-one"), Module("quick", "answer-one") },
            prices = new[] { Price("slow"), Price("quick") },
        }, Stop)).IsRefused.ShouldBeFalse();
        var agent = await _host.Founder.PostAsync("agents", new { name = "under-way", kind = "test" }, Stop);
        (_agent, _key) = (agent["agent_id"], agent["key"]);
        _budget = (await _host.Founder.PostAsync("budgets", new { scope = "agent", scope_id = _agent, period = "total", hard_limit = 0.3, currency = "USD" }, Stop))["budget_id"];
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task A_kill_between_reservation_and_settlement_leaves_a_cost_that_nobody_knows_and_gives_the_money_back()
    {
        using var stream = await AskAsync("slow");
        (await SqlAsync<decimal>($"select reserved from budget_periods where budget_id = '{_budget}'")).ShouldBeGreaterThan(0.2m);
        await _host.KillAsync();
        await _host.StartAsync(Stop);

        // Its host is dead, but that is not known until its age says so: till then the money is kept.
        using (var refused = await AskAsync("quick"))
        {
            ((int)refused.StatusCode).ShouldBe(402, await refused.Content.ReadAsStringAsync(Stop));
        }

        (await SqlAsync<long>("select count(*) from cost_events")).ShouldBe(0);
        await SqlAsync<int>("with aged as (update budget_reservations set expires_at = clock_timestamp() returning 1) select count(*)::int from aged");
        await Patience.UntilAsync(async () => await SqlAsync<long>("select count(*) from cost_events") > 0, Stop);
        (await SqlAsync<string>("select call_end || ' ' || knowledge || ' ' || (estimated_cost is null) || ' ' || module_id || ' ' || agent_id from cost_events"))
            .ShouldBe($"lost unknown true slow {_agent}");
        (await SqlAsync<string>($"select spent || ' ' || reserved || ' ' || unknown_events from budget_periods where budget_id = '{_budget}'"))
            .ShouldMatch("^0(\\.0+)? 0(\\.0+)? 1$");
        (await SqlAsync<long>("select count(*) from budget_reservations where lost_at is null")).ShouldBe(0);

        using var again = await AskAsync("quick");
        again.EnsureSuccessStatusCode();
        await again.Content.ReadAsStringAsync(Stop);
        await Patience.UntilAsync(async () => await SqlAsync<decimal>($"select spent from budget_periods where budget_id = '{_budget}'") == 0.106m, Stop);
        (await SqlAsync<long>("select count(*) from cost_events")).ShouldBe(2);
    }

    [Fact]
    public async Task A_host_that_is_told_to_stop_lets_a_call_end_and_settles_it()
    {
        using var stream = await AskAsync("slow");
        var ending = _host.TerminateAsync(Stop);
        _provider.LetOneThrough("slow-one", 100);
        (await stream.Content.ReadAsStringAsync(Stop)).ShouldContain("message_stop");
        (await ending).ExitCode.ShouldBe(0, _host.Output);
        (await SqlAsync<string>("select call_end || ' ' || knowledge || ' ' || estimated_cost::float from cost_events")).ShouldBe("completed exact 0.106");
        (await SqlAsync<long>("select count(*) from budget_reservations")).ShouldBe(0);
    }

    [Fact]
    public async Task A_call_that_does_not_end_in_time_is_cut_and_settled_by_what_was_seen()
    {
        using var stream = await AskAsync("slow");
        var (exitCode, took) = await _host.TerminateAsync(Stop);
        exitCode.ShouldBe(0, _host.Output);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(60));
        await Should.ThrowAsync<Exception>(() => stream.Content.ReadAsStringAsync(Stop));
        (await SqlAsync<string>("select knowledge || ' ' || (estimated_cost > 0) from cost_events")).ShouldBe("estimated true");
        (await SqlAsync<long>("select count(*) from budget_reservations")).ShouldBe(0);
    }

    private async Task<HttpResponseMessage> AskAsync(string model)
    {
        if (model == "slow")
        {
            _provider.LetOneThrough("slow-one");
        }

        var http = new HttpClient { BaseAddress = _host.Address, Timeout = Timeout.InfiniteTimeSpan };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages");
        var body = new { model, max_tokens = 100, stream = true, messages = new[] { new { role = "user", content = "What is the answer?" } } };
        request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _key);
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
    }

    private async Task<T> SqlAsync<T>(string sql)
    {
        await using var connection = new NpgsqlConnection(_database);
        await connection.OpenAsync(Stop);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync(Stop))!;
    }
}
