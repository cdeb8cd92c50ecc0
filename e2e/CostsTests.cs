using System.Globalization;
using Microsoft.Playwright;
using Npgsql;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

/// <summary>The pages of costs, as somebody uses them who wants to know what was spent on what.</summary>
public sealed class CostsTests(Browser browser) : IClassFixture<Browser>
{
    private static readonly string[] Dimensions = ["activity", "task", "ticket", "project", "module", "provider", "access_path", "agent", "node", "environment", "surface"];

    // RollupRows.Lock
    private const long LockOfSums = 0x43435F524F4C4C;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_number_breaks_down_by_each_dimension_and_leads_to_its_events()
    {
        await PostAsync(Enumerable.Range(0, 7).Select(i => (object)new { access_path = "api", module_id = "drilled", provider = "drill", activity_id = $"drill-{i % 2}", node_id = "node-d", estimated_cost = 0.5m }));
        await PostAsync([new { access_path = "subscription", module_id = "drilled-unknown", provider = "drill" }]);
        var (page, complaints) = await browser.SignInAsync();
        await page.GotoAsync("/costs?range=24h");
        foreach (var dimension in Dimensions)
        {
            await page.SelectOptionAsync("#breakdown select", dimension);
            await Expect(page.Locator("#breakdown th").First).ToHaveTextAsync(dimension.Replace('_', ' '));
            await Expect(page.Locator("#breakdown tbody tr").First).ToBeVisibleAsync();
        }

        await page.SelectOptionAsync("#breakdown select", "module");
        var row = page.Locator("#breakdown tr", new PageLocatorOptions { Has = page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "drilled", Exact = true }) });
        await Expect(row.Locator("td").Nth(1)).ToHaveTextAsync("3.50");
        await Expect(row.Locator("td").Nth(3)).ToHaveTextAsync("7");
        await row.Locator("a").ClickAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("Cost events");
        await Expect(page.Locator("tbody tr")).ToHaveCountAsync(7);

        await page.GotoAsync("/costs?range=24h");
        var unknown = page.Locator(".stat", new PageLocatorOptions { HasText = "Unknown cost" });
        await Expect(unknown.Locator(".value")).ToContainTextAsync("%");
        await page.Locator(".stat", new PageLocatorOptions { HasText = "Unattributed" }).ClickAsync();
        await Expect(page.Locator("tbody tr").First).ToContainTextAsync("no task");
        complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_spent_is_on_the_page_by_itself_and_the_picture_changes_at_most_once_a_second()
    {
        await PostAsync([new { access_path = "api", module_id = "live", estimated_cost = 1m }]);
        var (page, _) = await browser.SignInAsync();
        await page.GotoAsync("/costs?range=24h&by=module");
        var uses = page.Locator("#breakdown tr", new PageLocatorOptions { Has = page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "live", Exact = true }) }).Locator("td").Nth(3);
        await Expect(uses).ToHaveTextAsync("1");
        await page.EvaluateAsync(
            """
            () => {
              window.seen = [];
              window.since = performance.now();
              const cell = () => [...document.querySelectorAll('#breakdown tr')].find(r => r.querySelector('a')?.textContent === 'live')?.cells[3].textContent;
              let last = cell();
              new MutationObserver(() => { const now = cell(); if (now && now !== last) { last = now; window.seen.push(performance.now()); } }).observe(document.body, { childList: true, subtree: true, characterData: true });
            }
            """);
        for (var i = 0; i < 60; i++)
        {
            await PostAsync([new { access_path = "api", module_id = "live", estimated_cost = 1m }]);
        }

        await Expect(uses).ToHaveTextAsync("61");
        var seen = await page.EvaluateAsync<double[]>("window.seen");
        var seconds = (seen[^1] - await page.EvaluateAsync<double>("window.since")) / 1000;

        // By how many there are and not by how far apart: one that a busy browser got late is close to the next.
        seen.Length.ShouldBeLessThanOrEqualTo((int)(seconds + (seconds / 30) + 1), $"{seen.Length} in {seconds:0.0} s, the look of every half minute among them");
    }

    [Fact]
    public async Task What_was_recorded_while_the_sums_were_held_is_on_the_page_once_they_are_not()
    {
        await PostAsync([new { access_path = "api", module_id = "held", estimated_cost = 1m }]);
        var (page, _) = await browser.SignInAsync();
        await page.GotoAsync("/costs?range=24h&by=module");
        var uses = page.Locator("#breakdown tr", new PageLocatorOptions { Has = page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "held", Exact = true }) }).Locator("td").Nth(3);
        await Expect(uses).ToHaveTextAsync("1");
        await using (var database = await browser.Host.OpenDatabaseAsync(Stop))
        {
            await using var hold = new NpgsqlCommand($"select pg_advisory_lock({LockOfSums})", database);
            await hold.ExecuteNonQueryAsync(Stop);
            await PostAsync([new { access_path = "api", module_id = "held", estimated_cost = 1m }]);

            // The page has tried, beside the one that adds them up for all.
            await using var waiting = new NpgsqlCommand("select count(*) from pg_locks where locktype = 'advisory' and not granted", database);
            await Patience.UntilAsync(async () => (long)(await waiting.ExecuteScalarAsync(Stop))! > 1, Stop);
        }

        // Nothing more happens, and the page looks by itself every half minute only.
        await Expect(uses).ToHaveTextAsync("2", new() { Timeout = 20_000 });
    }

    [Fact]
    public async Task A_deploy_is_marked_on_the_trend_and_its_mark_leads_by_keyboard_to_its_event()
    {
        await PostAsync([new { access_path = "api", module_id = "marked", estimated_cost = 1m }]);
        var (page, _) = await browser.SignInAsync();
        await page.GotoAsync("/costs?range=24h");
        var mark = page.Locator(".trend-marks a").Last;
        await Expect(mark).ToHaveAttributeAsync("aria-label", new System.Text.RegularExpressions.Regex("runs for the first time"));
        await mark.FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.WaitForURLAsync("**/events?at=*");
        await Expect(page.Locator("[aria-expanded=true]")).ToContainTextAsync("runtime.deployed");

        // Followed from there, what has happened between then and now is there too.
        await page.Keyboard.PressAsync("p");
        await Expect(page.Locator("#event-list .kind", new PageLocatorOptions { HasTextString = "cost.recorded" }).First).ToBeVisibleAsync();
        page.Url.ShouldNotContain("at=");
    }

    [Fact]
    public async Task The_page_with_costs_and_marks_on_it_is_sound_in_both_themes_and_both_widths()
    {
        await PostAsync(Enumerable.Range(0, 60).Select(i => (object)new
        {
            access_path = "api", module_id = $"sound-{i % 4}", provider = "sound", estimated_cost = i % 9 == 0 ? (decimal?)null : 0.1m * i, timestamp = DateTimeOffset.UtcNow.AddHours(-i),
        }));
        foreach (var width in new[] { 1440, 390 })
        {
            var (page, complaints) = await browser.SignInAsync(width);
            await page.GotoAsync("/costs?range=7d");
            await Expect(page.Locator(".trend-marks a").First).ToBeAttachedAsync();
            await page.InBothThemesAsync(async scheme =>
            {
                await page.ShouldBeSoundAsync($"{width} {scheme}");
                await ScreenshotAsync(page, $"page-{width}-{scheme}");
            });
            (await page.EvaluateAsync<int>("document.documentElement.scrollWidth - innerWidth")).ShouldBeLessThanOrEqualTo(0);
            complaints.ShouldBeEmpty();
            await page.Context.CloseAsync();
        }
    }

    [Fact]
    public async Task An_invoice_is_chosen_checked_put_right_and_imported_and_a_rate_is_added()
    {
        var day = DateTimeOffset.UtcNow.AddDays(-40);
        await PostAsync([new { access_path = "api", provider = "billed", module_id = "big", estimated_cost = 9m, timestamp = day }]);
        var (page, complaints) = await browser.SignInAsync();
        await page.GotoAsync("/costs/invoices");
        await page.ClickAsync("header >> text=Import an invoice");
        await page.FillAsync("dialog[data-modal] input >> nth=0", "billed");
        await page.FillAsync("dialog[data-modal] input >> nth=1", "B-1");
        await page.FillAsync("dialog[data-modal] input[type=date] >> nth=0", day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        await page.FillAsync("dialog[data-modal] input[type=date] >> nth=1", day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        await ChooseAsync(page, "module_id,amount\nbig,ten\nsmall");
        await page.ClickAsync("dialog[data-modal] >> text=Check");
        await Expect(page.Locator("dialog[data-modal] [role=alert] li")).ToHaveTextAsync(["Row 2: 'ten' is not a number for amount (1234.56).", "Row 3 has 1 fields, and the heading 2."]);
        await ScreenshotAsync(page, "invoice-problems");
        await ChooseAsync(page, "module_id,amount\nbig,10\n,0.5");
        await page.ClickAsync("dialog[data-modal] >> text=Check");
        await Expect(page.Locator("dialog[data-modal] [role=status]")).ToContainTextAsync("Importing books 1.50 USD");
        await ScreenshotAsync(page, "invoice-preview");
        await page.ClickAsync("dialog[data-modal] button:has-text('Import')");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Invoice B-1");
        await Expect(page.Locator("#modules tbody tr").First).ToContainTextAsync("-10 %");
        await ScreenshotAsync(page, "invoice");
        await page.ClickAsync("text=Booked >> nth=0");
        await Expect(page.Locator("tbody tr")).ToHaveCountAsync(2);

        await page.GotoAsync("/costs/rates?new=1");
        await page.FillAsync("dialog[data-modal] input >> nth=0", "EUR");
        await page.FillAsync("dialog[data-modal] input >> nth=1", "1.25");
        await page.FillAsync("dialog[data-modal] input >> nth=2", "USD");
        await page.FillAsync("dialog[data-modal] input >> nth=4", "A bank");
        await page.ClickAsync("dialog[data-modal] >> text=Add rate >> nth=-1");
        await Expect(page.Locator("tbody tr")).ToContainTextAsync("1 EUR = 1.25 USD");
        await ScreenshotAsync(page, "rates");
        complaints.ShouldBeEmpty();
    }

    private async Task PostAsync(IEnumerable<object> costs) =>
        (await browser.Host.Founder.PostAsync("cost-events", costs, Stop)).Status.ShouldBe(System.Net.HttpStatusCode.Created);

    private static async Task ChooseAsync(IPage page, string csv)
    {
        // Blazor's own script listens to a file input a round trip after it is on the page: sooner than anybody chooses a file, but not than a test does.
        await page.WaitForFunctionAsync("document.querySelector('dialog[data-modal] input[type=file]')._blazorInputFileNextFileId !== undefined");
        await page.SetInputFilesAsync("dialog[data-modal] input[type=file]", new FilePayload { Name = "invoice.csv", MimeType = "text/csv", Buffer = System.Text.Encoding.UTF8.GetBytes(csv) });
    }

    private static async Task ScreenshotAsync(IPage page, string name)
    {
        if (Environment.GetEnvironmentVariable("CC_SCREENSHOTS") is { Length: > 0 } folder)
        {
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"costs-{name}.png"), FullPage = true });
        }
    }
}
