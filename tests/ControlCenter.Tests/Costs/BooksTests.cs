using System.Net;
using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Costs;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Costs;

public sealed class BooksTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task An_invoice_is_set_against_what_was_metered_and_the_difference_is_booked_once()
    {
        await Founder.PostAsync("cost-events", new object[] { Cost("acme", "big", 10m), Cost("acme", "small", 2m), Cost("acme", "small", 2m, "EUR") }, Stop);
        var invoice = new { provider = "acme", number = "A-1", period_from = "2026-05-01", period_to = "2026-06-01", currency = "USD", csv = "module_id,amount\nbig,11\nsmall,2\n,0.5" };
        var answer = await Founder.PostAsync("costs/invoices", invoice, Stop);
        answer.Status.ShouldBe(HttpStatusCode.Created, answer.Body?.ToJsonString());
        (answer["billed"], answer["metered"], answer["difference"], answer["error_percent"]).ShouldBe(("13.5", "12", "1.5", "-11.11"));
        (await Founder.PostAsync("costs/invoices", invoice, Stop)).Code.ShouldBe("name_taken");

        (await Host.Services.GetRequiredService<RollUpCosts>().CatchUpAsync(TimeSpan.FromMinutes(2), Stop)).ShouldBeTrue();
        var item = (await Founder.GetAsync("costs/rollups?by=provider&grain=month&key=acme&from=2026-05-01&to=2026-06-01", Stop)).Body!["items"]![0]!;
        item["requests"]!.ToString().ShouldBe("3");
        item["by_currency"]!.AsArray().Single(c => c!["currency"]!.ToString() == "USD")!["cost"]!.ToString().ShouldBe("13.5");

        var list = await Founder.GetAsync("costs/invoices", Stop);
        list.Body!["items"]![0]!["metered"]!.ToString().ShouldBe("12");
        list.Body["providers"]![0]!["error_percent"]!.ToString().ShouldBe("-11.11");
        (await Founder.PostAsync("costs/proof", null, Stop))["differences"].ShouldBe("0");
    }

    [Fact]
    public async Task An_invoice_for_what_was_never_metered_says_so_and_gives_no_error()
    {
        var answer = await Founder.PostAsync("costs/invoices", new { provider = "new", number = "1", period_from = "2026-05-01", period_to = "2026-06-01", currency = "USD", csv = "amount\n5" }, Stop);
        (answer.Body!["metered"], answer["difference"], answer.Body["error_percent"]).ShouldBe((null, "5", null));
        (await Founder.PostAsync("costs/invoices", new { provider = "new", number = "2", period_from = "2026-06-01", period_to = "2026-05-01", currency = "$", csv = "amount\n5" }, Stop))
            .Body!["errors"]!.AsObject().Select(e => e.Key).ShouldBe(["period_to", "currency"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_preview_says_what_an_import_would_do_and_does_nothing()
    {
        await Founder.PostAsync("cost-events", new object[] { Cost("looked-at", "big", 10m), Cost("looked-at", "loose", 1m) }, Stop);
        var invoice = new { provider = "looked-at", number = "P-1", period_from = "2026-05-01", period_to = "2026-06-01", currency = "USD", csv = "module_id,amount\nbig,8\nsmall,2" };
        var preview = (await Founder.PostAsync("costs/invoices/preview", invoice, Stop)).Body!;
        (preview["problems"]!.AsArray().Count, preview["billed"]!.ToString(), preview["metered"]!.ToString(), preview["difference"]!.ToString()).ShouldBe((0, "10", "11", "-1"));
        preview["modules"]!.AsArray().Select(m => $"{m!["module_id"]}: {m["billed"]} {m["metered"]} {m["difference"]} {m["error_percent"]}")
            .ShouldBe(["big: 8 10 -2 25", "small: 2  2 ", ": 0 1 -1 "]);
        (await Host.SqlAsync<long>("select count(*) from invoices where provider = 'looked-at'", Stop)).ShouldBe(0);

        var wrong = invoice with { csv = "module_id,amount\nbig,eight\nsmall,2\nonly" };
        (await Founder.PostAsync("costs/invoices/preview", wrong, Stop)).Body!["problems"]!.AsArray().Select(p => p!.ToString())
            .ShouldBe(["Row 2: 'eight' is not a number for amount (1234.56).", "Row 4 has 1 fields, and the heading 2."]);
        (await Founder.PostAsync("costs/invoices", wrong, Stop)).Body!["errors"]!["csv"]!.AsArray().Count.ShouldBe(2);

        var imported = (await Founder.PostAsync("costs/invoices", invoice, Stop)).Body!;
        (await Founder.PostAsync("costs/invoices/preview", invoice, Stop)).Body!["problems"]!.AsArray().ShouldHaveSingleItem()!.ToString().ShouldContain("imported before");
        var detail = (await Founder.GetAsync($"costs/invoices/{imported["invoice_id"]}", Stop)).Body!;
        detail["modules"]!.ToJsonString().ShouldBe(preview["modules"]!.ToJsonString());
        detail["invoice"]!.ToJsonString().ShouldBe(imported.ToJsonString());
        (detail["line_count"]!.ToString(), detail["imported_by"]!.ToString()).ShouldBe(("2", "founder"));
        (await Founder.GetAsync($"costs/invoices/{Guid.CreateVersion7()}", Stop)).Code.ShouldBe("not_found");
    }

    [Fact]
    public async Task Only_who_may_manage_costs_may_import_look_ahead_or_set_a_rate()
    {
        var agent = await AgentAsync();
        foreach (var (path, body) in new (string, object)[]
        {
            ("costs/invoices", new { provider = "p", number = "1", period_from = "2026-05-01", period_to = "2026-06-01", currency = "USD", csv = "amount\n1" }),
            ("costs/invoices/preview", new { provider = "p", number = "1", period_from = "2026-05-01", period_to = "2026-06-01", currency = "USD", csv = "amount\n1" }),
            ("costs/currency-rates", new { currency = "CHF", quote = "USD", effective_on = "2026-05-01", rate = 1.1m, source = "s" }),
        })
        {
            (await agent.Bus.PostAsync(path, body, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden, path);
        }
    }

    [Fact]
    public async Task A_rate_holds_from_its_day_on_and_is_never_rewritten()
    {
        (await RateAsync("2026-01-01", 1.1m)).Status.ShouldBe(HttpStatusCode.Created);
        (await RateAsync("2026-01-01", 1.1m)).Status.ShouldBe(HttpStatusCode.Created);
        (await RateAsync("2026-01-01", 1.2m)).Code.ShouldBe("validation_failed");
        await RateAsync("2026-02-01", 1.25m);
        var rates = Host.Services.GetRequiredService<CurrencyRates>();
        (await rates.ConvertAsync(new Money(10, "EUR"), "USD", At("2026-01-31"), Stop)).ShouldBe(new Money(11, "USD"));
        (await rates.ConvertAsync(new Money(10, "EUR"), "USD", At("2026-02-01"), Stop)).ShouldBe(new Money(12.5m, "USD"));
        (await rates.ConvertAsync(new Money(10, "USD"), "EUR", At("2026-02-01"), Stop))!.Value.Amount.ShouldBe(8);
        (await rates.ConvertAsync(new Money(10, "EUR"), "USD", At("2025-12-31"), Stop)).ShouldBeNull();
        (await Should.ThrowAsync<Npgsql.PostgresException>(() => Host.SqlAsync<object>("update currency_rates set rate = 2", Stop))).SqlState.ShouldBe("23001");
    }

    [Fact]
    public async Task Every_cost_is_exported_and_one_that_is_not_known_is_empty()
    {
        await Founder.PostAsync("cost-events", new object[] { Cost("export", "=evil", 0.000001m), new { access_path = "self_hosted", provider = "export", module_id = "local", timestamp = "2026-05-03T00:00:00Z" } }, Stop);
        using var response = await Founder.Http.GetAsync("costs/export?from=2026-05-01&to=2026-06-01", Stop);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("text/csv");
        var rows = CsvTable.Parse(await response.Content.ReadAsStringAsync(Stop));
        var columns = rows[0];
        var mine = rows.Where(r => r[Array.IndexOf(columns, "ProviderName")] == "export").ToList();
        mine.Count.ShouldBe(2);
        mine.ShouldAllBe(r => r.Length == columns.Length);
        string Field(int row, string name) => mine[row][Array.IndexOf(columns, name)];
        (Field(0, "EffectiveCost"), Field(0, "BilledCost"), Field(0, "ResourceId"), Field(0, "BillingCurrency")).ShouldBe(("0.000001", "", "'=evil", "USD"));
        (Field(1, "EffectiveCost"), Field(1, "x_CostKnowledge"), Field(1, "BillingCurrency")).ShouldBe(("", "unknown", ""));
    }

    [Fact]
    public async Task The_events_behind_a_number_are_found_by_any_of_its_keys()
    {
        var activity = $"drill-{Guid.CreateVersion7()}";
        await Founder.PostAsync("cost-events", Enumerable.Range(0, 3).Select(i => new { access_path = "api", activity_id = activity, module_id = $"m{i}", estimated_cost = 1m }), Stop);
        (await Founder.GetAsync($"cost-events?by=activity&key={activity}", Stop)).Body!["items"]!.AsArray().Count.ShouldBe(3);
        (await Founder.GetAsync("cost-events?by=task&key=unattributed&limit=2", Stop)).Body!["items"]!.AsArray().Count.ShouldBe(2);
        (await Founder.GetAsync("cost-events?by=task&key=nonsense", Stop)).Code.ShouldBe("validation_failed");
    }

    private static object Cost(string provider, string module, decimal cost, string currency = "USD") =>
        new { access_path = "api", provider, module_id = module, estimated_cost = cost, currency, timestamp = "2026-05-02T00:00:00Z" };

    private static DateTimeOffset At(string day) => DateTimeOffset.Parse(day + "T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture);

    private Task<TestSupport.BusAnswer> RateAsync(string day, decimal rate) =>
        Founder.PostAsync("costs/currency-rates", new { currency = "EUR", quote = "USD", effective_on = day, rate, source = "ECB" }, Stop);
}
