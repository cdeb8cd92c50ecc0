using System.Net;
using System.Text.Json;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Governance;

public sealed class BudgetTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task A_budget_is_set_found_changed_and_deleted_and_its_history_says_so()
    {
        var set = await Founder.PostAsync("budgets", new { scope = "provider", scope_id = "acme", period = "day", soft_limit = 3.5, hard_limit = 5, currency = "EUR" }, Stop);
        set.Status.ShouldBe(HttpStatusCode.Created);
        set["scope_id"].ShouldBe("acme");
        set["state"].ShouldBe("within_limits");
        var path = $"budgets/{set["budget_id"]}";
        (await Founder.GetAsync("budgets?limit=200", Stop)).Body!["items"]!.AsArray().ShouldContain(b => b!["budget_id"]!.ToString() == set["budget_id"]);

        var changed = await PatchAsync(path, new { hard_limit = 8, soft_limit = (decimal?)null });
        changed.Status.ShouldBe(HttpStatusCode.OK, changed.Body?.ToJsonString());
        ((decimal)changed.Body!["hard_limit"]!).ShouldBe(8);
        changed.Body["soft_limit"].ShouldBeNull();

        (await Founder.SendAsync(HttpMethod.Delete, path, null, null, Stop)).Status.ShouldBe(HttpStatusCode.NoContent);
        (await Founder.GetAsync(path, Stop)).Code.ShouldBe("not_found");
        (await Founder.SendAsync(HttpMethod.Delete, path, null, null, Stop)).Code.ShouldBe("not_found");
        (await Host.SqlAsync<string>($"select string_agg(change, ' ' order by at) from budget_changes where budget_id = '{set["budget_id"]}'", Stop)).ShouldBe("created changed deleted");
        (await Host.SqlAsync<long>($"select count(*) from audit_entries where subject = 'budget:{set["budget_id"]}'", Stop)).ShouldBe(3);
        (await Host.SqlAsync<long>($"select count(*) from events where kind in ('budget.created', 'budget.changed', 'budget.deleted') and subject_id = '{set["budget_id"]}'", Stop)).ShouldBe(3);
    }

    [Theory]
    [InlineData("""{ "scope":"global","scope_id":"x","period":"day","hard_limit":1,"currency":"USD" }""", "scope_id")]
    [InlineData("""{ "scope":"project","period":"day","hard_limit":1,"currency":"USD" }""", "scope_id")]
    [InlineData("""{ "scope":"agent","scope_id":"Ada","period":"day","hard_limit":1,"currency":"USD" }""", "scope_id")]
    [InlineData("""{ "scope":"global","period":"day","hard_limit":-1,"currency":"USD" }""", "hard_limit")]
    [InlineData("""{ "scope":"global","period":"day","soft_limit":2,"hard_limit":1,"currency":"USD" }""", "soft_limit")]
    [InlineData("""{ "scope":"global","period":"day","hard_limit":1,"currency":"usd" }""", "currency")]
    public async Task A_budget_that_makes_no_sense_is_refused_and_the_field_is_named(string body, string field)
    {
        var answer = await Founder.PostRawAsync("budgets", body, Stop);
        answer.Code.ShouldBe("validation_failed");
        answer.Body!["errors"]![field].ShouldNotBeNull();
    }

    [Theory]
    [InlineData("""{ "scope":"everything","period":"day","hard_limit":1,"currency":"USD" }""")]
    [InlineData("""{ "scope":"global","period":"year","hard_limit":1,"currency":"USD" }""")]
    [InlineData("""{ "scope":"global","period":"day","hard_limit":"1","currency":"USD" }""")]
    [InlineData("""{ "scope":"global","period":"day","hard_limit":1,"currency":"USD","more":1 }""")]
    public async Task What_is_no_budget_at_all_is_refused(string body) => (await Founder.PostRawAsync("budgets", body, Stop)).Status.ShouldBe(HttpStatusCode.BadRequest);

    [Fact]
    public async Task A_ticket_is_named_by_its_key_and_kept_by_its_id()
    {
        var ticket = await TicketAsync();
        var set = await Founder.PostAsync("budgets", new { scope = "ticket", scope_id = ticket, period = "total", hard_limit = 1 }, Stop);
        Guid.TryParse(set["scope_id"], out _).ShouldBeTrue();
        set["scope_name"].ShouldBe(ticket);
        set["currency"].ShouldBe("USD");
        (await Founder.PostAsync("budgets", new { scope = "ticket", scope_id = "T-999999", period = "total", hard_limit = 1 }, Stop)).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task What_a_budget_is_for_does_not_change_and_may_be_said_again()
    {
        var set = await Founder.PostAsync("budgets", new { scope = "module", scope_id = "m", period = "day", hard_limit = 1, currency = "USD" }, Stop);
        var path = $"budgets/{set["budget_id"]}";
        (await PatchAsync(path, new { scope = "module", scope_id = "m", period = "day", hard_limit = 2, currency = "USD" })).Status.ShouldBe(HttpStatusCode.OK);
        (await PatchAsync(path, new { period = "week" })).Body!["errors"]!["period"].ShouldNotBeNull();
        (await PatchAsync($"budgets/{Guid.CreateVersion7()}", new { hard_limit = 1 })).Code.ShouldBe("not_found");
    }

    [Fact]
    public async Task Only_the_founder_sets_budgets_and_everybody_sees_them()
    {
        var agent = await AgentAsync();
        (await agent.Bus.PostAsync("budgets", new { scope = "global", period = "day", hard_limit = 1 }, Stop)).Code.ShouldBe("forbidden");
        (await agent.Bus.GetAsync("budgets", Stop)).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task The_same_request_again_sets_one_budget()
    {
        var body = new { scope = "project", scope_id = "once", period = "month", hard_limit = 0.000001 };
        var first = await Founder.PostAsync("budgets", body, Stop, "set-once");
        (await Founder.PostAsync("budgets", body, Stop, "set-once"))["budget_id"].ShouldBe(first["budget_id"]);
        ((decimal)first.Body!["hard_limit"]!).ShouldBe(0.000001m);
    }

    [Fact]
    public async Task A_forecast_goes_by_what_was_spent_lately_also_in_the_stretch_under_way_and_says_nothing_where_too_little_was_seen()
    {
        var budget = (await Founder.PostAsync("budgets", new { scope = "provider", scope_id = "foreseen", period = "day", hard_limit = 1000 }, Stop))["budget_id"];
        (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!["forecast"].ShouldBeNull();
        await Host.SqlAsync<int>($"with e as (update budgets set created_at = clock_timestamp() - interval '5 h' where id = '{budget}' returning 1) select count(*)::int from e", Stop);
        var quiet = (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!["forecast"]!;
        ((decimal)quiet["per_hour"]!, quiet["exhausted_at"]).ShouldBe((0, null));

        (await Founder.PostAsync("cost-events", new { provider = "foreseen", access_path = "api", estimated_cost = 40, currency = "USD" }, Stop)).IsRefused.ShouldBeFalse();
        var burst = (await Founder.GetAsync($"budgets/{budget}", Stop)).Body!["forecast"]!;
        ((decimal)burst["per_hour"]!).ShouldBeInRange(7, 9);
        ((decimal)burst["low"]!).ShouldBeLessThanOrEqualTo((decimal)burst["expected"]!);
        ((decimal)burst["high"]!).ShouldBeGreaterThanOrEqualTo((decimal)burst["expected"]!);
    }

    private Task<BusAnswer> PatchAsync(string path, object body) =>
        Founder.SendAsync(HttpMethod.Patch, path, JsonSerializer.SerializeToUtf8Bytes(body), null, Stop);
}
