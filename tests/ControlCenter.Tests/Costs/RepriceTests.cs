using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Ids;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Models;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Costs;

public sealed class RepriceTests(HostFixture fixture) : BusTests(fixture)
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    private static int _names;

    private readonly string _module = $"priced-{Interlocked.Increment(ref _names)}";

    [Fact]
    public async Task A_corrected_price_is_previewed_by_month_then_booked_beside_and_sums_and_budgets_agree()
    {
        var budget = await BudgetAsync();
        await PriceAsync(input: 2);
        var lastMonth = Now.AddMonths(-1);
        await UseAsync(2_000_000, Now);
        await UseAsync(1_000_000, Now);
        await UseAsync(1_000_000, lastMonth);

        await PriceAsync(input: 3);
        var preview = (await Founder.GetAsync($"costs/reprice?module={_module}", Stop)).Body!;
        preview["items"]!.AsArray().Select(i => (Month(i!), i!["uses"]!.ToString(), i["before"]!.ToString(), i["after"]!.ToString(), i["difference"]!.ToString())).ShouldBe(
            [(lastMonth.ToString("yyyy-MM", CultureInfo.InvariantCulture), "1", "2", "3", "1"), (Now.ToString("yyyy-MM", CultureInfo.InvariantCulture), "2", "6", "9", "3")]);
        (await SpentAsync("month")).ShouldBe("8", "a preview books nothing");

        var booked = await RepriceAsync();
        (booked["uses"], booked["entries"], booked.Body!["differences"]![0]!["amount"]!.ToString(), booked.Body["next_cursor"]).ShouldBe(("3", "3", "4", null));
        (await SpentAsync("month")).ShouldBe("12");
        (await SpentAsync("hour")).ShouldBe("12");
        (await Host.SqlAsync<decimal>($"select sum(spent) from budget_periods where budget_id = '{budget}'", Stop)).ShouldBe(12m);
        (await Founder.PostAsync("costs/proof", null, Stop))["differences"].ShouldBe("0");
        (await Host.SqlAsync<long>($"select count(*) from events where kind = 'cost.repriced' and data ->> 'modules' like '%{_module}\"%'", Stop)).ShouldBe(1);
        (await Host.SqlAsync<long>($"select count(*) from audit_entries where action = 'costs.repriced' and detail ->> 'modules' like '%{_module}\"%'", Stop)).ShouldBe(1);
    }

    [Fact]
    public async Task A_second_run_books_nothing_and_a_price_that_goes_back_takes_its_difference_back()
    {
        await PriceAsync(input: 2);
        await UseAsync(1_000_000, Now);
        await PriceAsync(input: 5);
        (await RepriceAsync())["entries"].ShouldBe("1");
        var events = await EventsAsync();
        (await RepriceAsync())["entries"].ShouldBe("0");
        (await Founder.GetAsync($"costs/reprice?module={_module}", Stop)).Body!["items"]!.AsArray().ShouldBeEmpty();
        (await SpentAsync()).ShouldBe("5");
        (await EventsAsync()).ShouldBe(events);

        await PriceAsync(input: 2);
        (await RepriceAsync())["entries"].ShouldBe("1");
        (await SpentAsync()).ShouldBe("2");
    }

    [Fact]
    public async Task Only_what_arose_while_the_price_was_in_force_is_repriced()
    {
        await PriceAsync(input: 2);
        await UseAsync(1_000_000, Now.AddHours(-3));
        await UseAsync(1_000_000, Now.AddHours(-1));
        await PriceAsync(input: 4, from: Now.AddHours(-2));
        (await RepriceAsync()).Body!["differences"]![0]!["amount"]!.ToString().ShouldBe("2");
        (await SpentAsync()).ShouldBe("6");
    }

    [Fact]
    public async Task A_cost_that_was_not_known_becomes_known()
    {
        var budget = await BudgetAsync();
        await PriceAsync(input: 2, from: Now.AddMinutes(5));
        await UseAsync(1_000_000, Now, known: false);
        (await ItemAsync())["unknown_cost_events"]!.ToString().ShouldBe("1");
        await PriceAsync(input: 0);
        (await Founder.GetAsync($"costs/reprice?module={_module}", Stop)).Body!["items"]![0]!["made_known"]!.ToString().ShouldBe("1");
        (await RepriceAsync())["entries"].ShouldBe("1");
        var item = await ItemAsync();
        (item["unknown_cost_events"]!.ToString(), item["requests"]!.ToString(), item["cost"]!.ToString()).ShouldBe(("0", "1", "0"));
        (await Host.SqlAsync<long>($"select sum(unknown_events)::bigint from budget_periods where budget_id = '{budget}'", Stop)).ShouldBe(0);
        (await RepriceAsync())["entries"].ShouldBe("0");
    }

    [Fact]
    public async Task What_a_reporter_an_invoice_or_a_hand_has_said_is_left_alone()
    {
        await PriceAsync(input: 2);
        var byHand = await UseAsync(1_000_000, Now);
        await UseAsync(1_000_000, new DateTimeOffset(2026, 5, 2, 0, 0, 0, TimeSpan.Zero));
        await Founder.PostAsync("cost-events", new { access_path = "api", module_id = _module, provider = _module, corrects = byHand, estimated_cost = -0.5m }, Stop);
        await Founder.PostAsync("cost-events", new { access_path = "api", module_id = _module, provider = _module, estimated_cost = 7m, tokens = new { input = 1, output = 1 } }, Stop);
        (await Founder.PostAsync("costs/invoices", new { provider = _module, number = "1", period_from = "2026-05-01", period_to = "2026-06-01", currency = "USD", csv = "amount\n2.5" }, Stop)).Status.ShouldBe(HttpStatusCode.Created);
        await PriceAsync(input: 4);
        var preview = (await Founder.GetAsync($"costs/reprice?module={_module}", Stop)).Body!;
        (preview["uses"]!.ToString(), preview["left_alone"]!.ToString()).ShouldBe(("0", "2"));
        (await RepriceAsync())["entries"].ShouldBe("0");
    }

    [Fact]
    public async Task A_price_in_another_currency_takes_the_old_amount_back_in_its_own()
    {
        await PriceAsync(input: 2);
        await UseAsync(1_000_000, Now);
        await PriceAsync(input: 3, currency: "EUR");
        (await RepriceAsync())["entries"].ShouldBe("2");
        (await ItemAsync())["by_currency"]!.AsArray().ToDictionary(c => c!["currency"]!.ToString(), c => c!["cost"]!.ToString())
            .ShouldBe(new Dictionary<string, string> { ["USD"] = "0", ["EUR"] = "3" }, ignoreOrder: true);
    }

    [Fact]
    public async Task Many_uses_are_booked_in_batches_that_can_stop_anywhere_and_be_asked_for_again()
    {
        await PriceAsync(input: 2);
        await UseAsync(1_000_000, Now, count: RepriceCosts.MostAtOnce + 20);
        await PriceAsync(input: 3);
        var body = new { module = _module };
        var first = await Founder.PostAsync("costs/reprice", body, Stop, "once");
        (first["uses"], first.Body!["next_cursor"]).ShouldBe((RepriceCosts.MostAtOnce.ToString(CultureInfo.InvariantCulture), first.Body["next_cursor"].ShouldNotBeNull()));
        (await Founder.PostAsync("costs/reprice", body, Stop, "once")).Body!.ToJsonString().ShouldBe(first.Body.ToJsonString());

        var second = await Founder.PostAsync("costs/reprice", new { module = _module, cursor = first["next_cursor"] }, Stop);
        (second["uses"], second.Body!["next_cursor"]).ShouldBe(("20", null));
        (await SpentAsync()).ShouldBe(((RepriceCosts.MostAtOnce + 20) * 3).ToString(CultureInfo.InvariantCulture));
    }

    [Fact]
    public async Task Several_who_reprice_at_once_book_each_difference_once()
    {
        await PriceAsync(input: 2);
        await UseAsync(1_000_000, Now, count: 30);
        await PriceAsync(input: 3);
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => RepriceAsync()));
        answers.Sum(a => int.Parse(a["entries"], CultureInfo.InvariantCulture)).ShouldBe(30);
        (await SpentAsync()).ShouldBe("90");
    }

    [Fact]
    public async Task Only_who_manages_costs_may_book_and_nobody_with_a_cursor_of_his_own()
    {
        var service = await Founder.PostAsync("actors", new { name = $"service-{_module}", role = "system_service" }, Stop);
        (await Host.Client(service["key"]).PostAsync("costs/reprice", new { module = _module }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await Founder.PostAsync("costs/reprice", new { cursor = "nonsense" }, Stop)).Code.ShouldBe("validation_failed");
    }

    private Task<BusAnswer> RepriceAsync() => Founder.PostAsync("costs/reprice", new { module = _module }, Stop);

    // Without what the host tells of itself, which may come at any time.
    private Task<long> EventsAsync() => Host.SqlAsync<long>("select count(*) from events where kind not like all (array['runtime.%', 'governor.%'])", Stop);

    private async Task PriceAsync(decimal input, DateTimeOffset? from = null, string currency = "USD")
    {
        var answer = await Founder.PostAsync("catalogue", new
        {
            providers = new[] { new { id = _module, endpoint = "http://127.0.0.1:9", dialect = "anthropic" } },
            modules = new[] { new { id = _module, provider = _module, upstream_model = _module } },
            prices = new[] { new { module = _module, effective_from = from ?? new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), currency, input, output = 0 } },
        }, Stop);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Body?.ToJsonString());
    }

    /// <summary>Records uses as the gateway does: reckoned by the price that is in force.</summary>
    private async Task<Guid> UseAsync(long input, DateTimeOffset at, bool known = true, int count = 1)
    {
        var price = Host.Services.GetRequiredService<ModelCatalogue>().Current.PriceAt(_module, at);
        var uses = Enumerable.Range(0, count).Select(_ => new CostEvent
        {
            EventId = Uuid7.New(TimeProvider.System),
            At = at,
            Attribution = new Attribution(Actor.HostId),
            ModuleId = _module,
            Provider = _module,
            AccessPath = AccessPath.Api,
            Tokens = new TokenUsage(input, 10),
            UsageUnitsIn = input,
            UsageUnitsOut = 10,
            EstimatedCost = known ? price!.Input * input / 1_000_000 : null,
            Currency = known ? price!.Currency : null,
            Knowledge = known ? CostKnowledge.Exact : CostKnowledge.Unknown,
            PriceId = known ? price!.Id : null,
            End = CallEnd.Completed,
            LatencyMs = 10,
        }).ToList();
        await Host.Services.GetRequiredService<Transactions>().RunAsync(Caller.Host, (unit, ct) => Host.Services.GetRequiredService<RecordCosts>().AppendAsync(unit, uses, ct), Stop);
        return uses[0].EventId;
    }

    private async Task<string> BudgetAsync()
    {
        var answer = await Founder.PostAsync("budgets", new { scope = "module", scope_id = _module, period = "month", hard_limit = 1000, currency = "USD" }, Stop);
        answer.Status.ShouldBe(HttpStatusCode.Created, answer.Body?.ToJsonString());
        return answer["budget_id"];
    }

    private async Task<string> SpentAsync(string grain = "month") =>
        (await ItemsAsync(grain)).Sum(i => decimal.Parse(i["cost"]!.ToString(), CultureInfo.InvariantCulture)).ToString("0.####", CultureInfo.InvariantCulture);

    private async Task<JsonNode> ItemAsync() => (await ItemsAsync("month")).ShouldHaveSingleItem();

    private async Task<List<JsonNode>> ItemsAsync(string grain)
    {
        BusAnswer answer;
        do
        {
            answer = await Founder.GetAsync($"costs/rollups?by=module&grain={grain}&key={_module}&from=2026-01-01", Stop);
        }
        while (!answer.Body!["complete"]!.GetValue<bool>());
        return [.. answer.Body["items"]!.AsArray().Select(i => i!)];
    }

    private static string Month(JsonNode item) => item["month"]!.ToString()[..7];
}
