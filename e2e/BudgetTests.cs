using ControlCenter.TestSupport;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

[Takes(seconds: 60)]
public sealed class BudgetTests(Browser browser) : IClassFixture<Browser>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_budget_is_set_warns_stops_is_raised_by_keyboard_taken_back_changed_and_deleted_and_the_page_is_live()
    {
        var (page, complaints) = await browser.SignInAsync();
        var (task, agent) = await WorkAsync("live");
        await page.GotoAsync("/budgets");
        await page.WaitForSelectorAsync("[data-key=n]");
        await page.Keyboard.PressAsync("n");
        await page.GetByLabel("What it is for").SelectOptionAsync("Project");
        await page.GetByLabel("Which project").FillAsync("live");
        await page.GetByLabel("Hard limit").FillAsync("10");
        await page.GetByLabel("Soft limit").FillAsync("12");
        await page.ClickAsync("dialog[data-modal] >> text=Set budget");
        await Expect(page.Locator("dialog[data-modal] [role=alert]")).ToHaveTextAsync("Soft limit: It warns before the hard limit of 10, so it cannot be above it; 12 was given.");
        await Expect(page.GetByLabel("Which project")).ToHaveValueAsync("live");
        await Expect(page.GetByLabel("Hard limit")).ToHaveValueAsync("10");
        await page.GetByLabel("Soft limit").FillAsync("5");
        await page.ClickAsync("dialog[data-modal] >> text=Set budget");
        await Expect(page.Locator("dialog[data-modal]")).ToHaveCountAsync(0);
        var row = page.Locator("li:has-text('Project live')");
        await Expect(row).ToContainTextAsync("Within limits");

        await SpendAsync(agent, task, 6);
        await Expect(row).ToContainTextAsync("Over soft limit");
        await Expect(row).ToContainTextAsync("6.00 USD of 10.00 USD");
        await SpendAsync(agent, task, 5);
        await Expect(row).ToContainTextAsync("Used up");

        await row.Locator("text=Decide").ClickAsync();
        await Expect(page.Locator(".detail h2")).ToContainTextAsync("The budget of project 'live' for a day is used up");
        await Expect(page.Locator(".option").First).ToHaveTextAsync("raise1");
        await page.Keyboard.PressAsync("1");
        await Expect(page.Locator(".option").First).ToHaveAttributeAsync("aria-pressed", "true");
        await page.Keyboard.PressAsync("c");
        await page.Keyboard.TypeAsync("It is worth it.");
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("a");
        await Expect(page.Locator(".queue >> text=live")).ToHaveCountAsync(0);

        await page.GotoAsync("/budgets");
        await Expect(row).ToContainTextAsync("raised from 10.00");
        await row.Locator("a.grow").ClickAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("Project live");
        await Expect(page.Locator("li:has-text('It is worth it.') >> text=decision")).ToBeVisibleAsync();
        await page.ClickAsync("text=Take back");
        await Expect(page.Locator("dialog[data-modal] p")).ToContainTextAsync("the limit is then 10.00 USD, of which 11.00 USD are spent");
        await page.GetByLabel("Why").FillAsync("Not worth it after all.");
        await page.ClickAsync("dialog[data-modal] [type=submit]");
        await Expect(page.Locator("li:has-text('It is worth it.')").First).ToContainTextAsync("taken back by founder");
        await Expect(page.Locator(".page-head .badge")).ToContainTextAsync("Used up");
        await Expect(page.Locator("text=Decide what happens")).ToBeVisibleAsync();
        await Expect(page.Locator("dialog[data-modal]")).ToHaveCountAsync(0);

        await page.Keyboard.PressAsync("r");
        await page.GetByLabel("By how much").FillAsync("20");
        await page.GetByLabel("For how many hours").FillAsync("48");
        await page.GetByLabel("Why").FillAsync("Until the release.");
        await page.ClickAsync("dialog[data-modal] [type=submit]");
        await Expect(page.Locator(".page-head .badge")).Not.ToContainTextAsync("Used up");
        await Expect(page.Locator("li:has-text('Until the release.')").First).ToContainTextAsync("In force");
        await Expect(page.Locator("li:has-text('Until the release.')").First).ToContainTextAsync("1 day left");
        await Expect(page.Locator("dialog[data-modal]")).ToHaveCountAsync(0);

        await page.Keyboard.PressAsync("e");
        await page.GetByLabel("Hard limit").FillAsync("40");
        await page.GetByLabel("Soft limit").FillAsync("");
        await page.ClickAsync("dialog[data-modal] >> text=Save");
        await Expect(page.Locator("li:has-text('Changed to 40.00 USD from 10.00 USD; warns of nothing, before from 5.00 USD')")).ToHaveCountAsync(1);
        await Expect(page.Locator("li:has-text('was taken back: Not worth it after all.')")).ToHaveCountAsync(1);

        await page.ClickAsync("header >> text=Delete");
        await page.ClickAsync("dialog[data-modal] [type=submit]");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Budgets");
        await Expect(row).ToHaveCountAsync(0);
        await page.GoBackAsync();
        await Expect(page.Locator("text=There is no such budget, or it was deleted.")).ToBeVisibleAsync();
        await page.GotoAsync("/access/audit?action=budget.deleted");
        await Expect(page.Locator("tbody tr")).ToHaveCountAsync(1);
        complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_no_budget_is_said_at_once_and_nothing_that_was_written_is_lost()
    {
        var (page, complaints) = await browser.SignInAsync();
        await page.GotoAsync("/budgets?new=1");
        await page.GetByLabel("What it is for").SelectOptionAsync("Ticket");
        await page.GetByLabel("Which ticket").FillAsync("T-424242");
        await page.GetByLabel("Hard limit").FillAsync("0.0000000000001");
        await page.GetByLabel("Soft limit").FillAsync("1");
        await page.ClickAsync("dialog[data-modal] >> text=Set budget");
        var problem = page.Locator("dialog[data-modal] [role=alert]");
        await Expect(problem).ToContainTextAsync("Hard limit: At the most twelve digits after the point.");
        await Expect(problem).ToContainTextAsync("Soft limit:");
        await Expect(page.GetByLabel("Which ticket")).ToHaveValueAsync("T-424242");
        await page.GetByLabel("Hard limit").FillAsync("3");
        await page.ClickAsync("dialog[data-modal] >> text=Set budget");
        await Expect(problem).ToHaveTextAsync("There is no ticket 'T-424242'.");
        await page.GetByLabel("What it is for").SelectOptionAsync("Task");
        await page.GetByLabel("Which task").FillAsync("the first one");
        await page.ClickAsync("dialog[data-modal] >> text=Set budget");
        await Expect(problem).ToHaveTextAsync("Scope id: The id of a task; 'the first one' is none.");
        await Expect(page.GetByLabel("Hard limit")).ToHaveValueAsync("3");

        // What the browser itself sees is not sent, and stays as it was written.
        await page.GetByLabel("Which task").FillAsync("");
        await page.ClickAsync("dialog[data-modal] >> text=Set budget");
        await Expect(page.Locator("dialog[data-modal]")).ToHaveCountAsync(1);
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Locator("dialog[data-modal]")).ToHaveCountAsync(0);
        complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_breaker_is_set_opens_while_one_looks_on_and_is_reset()
    {
        var (page, complaints) = await browser.SignInAsync();
        var (task, agent) = await WorkAsync("runaway");
        await page.GotoAsync("/budgets/breakers");
        await page.WaitForSelectorAsync("[data-key=n]");
        await page.Keyboard.PressAsync("n");
        await page.GetByLabel("Name").FillAsync("runaway-projects");
        await page.GetByLabel("Of what").SelectOptionAsync("Project");
        await page.GetByLabel("Which project").FillAsync("runaway");
        await page.GetByLabel("Short window (min)").FillAsync("10");
        await page.GetByLabel("Long window (min)").FillAsync("5");
        await page.ClickAsync("dialog[data-modal] [type=submit]");
        await Expect(page.Locator("dialog[data-modal] [role=alert]")).ToHaveTextAsync("Long seconds: From 600 to 86400; 300 was given.");
        await Expect(page.GetByLabel("Name")).ToHaveValueAsync("runaway-projects");
        await page.GetByLabel("Long window (min)").FillAsync("60");
        await page.ClickAsync("dialog[data-modal] [type=submit]");
        await Expect(page.Locator("li:has-text('runaway-projects')")).ToContainTextAsync("Project runaway: opens beyond 6.00 USD an hour, over 10 min and over 1 h");

        await SpendAsync(agent, task, 7);
        var row = page.Locator("li:has-text('Project runaway'):has-text('opened')");
        await Expect(row).ToContainTextAsync("42.00 USD an hour, where 6.00 USD an hour is the most");
        await Expect(row.Locator(".badge")).ToHaveTextAsync("Open");
        await row.Locator("text=Let calls pass").ClickAsync();
        await Expect(row).ToHaveCountAsync(0);

        await page.ClickAsync("[aria-label='Edit runaway-projects']");
        await page.GetByLabel("Allowed an hour").FillAsync("10");
        await page.ClickAsync("dialog[data-modal] [type=submit]");
        await Expect(page.Locator("li:has-text('runaway-projects')")).ToContainTextAsync("opens beyond 30.00 USD an hour");
        await page.ClickAsync("[aria-label='Delete runaway-projects']");
        await page.ClickAsync("dialog[data-modal] [type=submit]");
        await Expect(page.Locator("li:has-text('runaway-projects')")).ToHaveCountAsync(0);
        complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task Its_pages_and_dialogs_are_sound_in_both_themes_and_both_widths()
    {
        var founder = browser.Host.Founder;
        var (task, agent) = await WorkAsync("shown");
        var within = await founder.PostAsync("budgets", new { scope = "provider", scope_id = "acme", period = "month", soft_limit = 80, hard_limit = 100 }, Stop);
        await founder.PostAsync("budgets", new { scope = "module", scope_id = "acme/large-with-a-name-that-goes-on-and-on", period = "day", soft_limit = 1, hard_limit = 20 }, Stop);
        var full = await founder.PostAsync("budgets", new { scope = "project", scope_id = "shown", period = "week", soft_limit = 5, hard_limit = 8 }, Stop);
        await founder.PostAsync($"budgets/{full["budget_id"]}/overrides", new { amount = 2, expires_in_seconds = 90_000, reason = "The release is late, and the customer pays for it." }, Stop);
        var back = await founder.PostAsync($"budgets/{full["budget_id"]}/overrides", new { amount = 30, expires_in_seconds = 90_000, reason = "For the import." }, Stop);
        await founder.PostAsync($"budgets/{full["budget_id"]}/overrides/{back["override_id"]}/end", new { reason = "The import is done." }, Stop);
        await SpendAsync(agent, task, 11);
        await Patience.UntilAsync(async () => (await founder.GetAsync($"budgets/{full["budget_id"]}", Stop)).Body!["budget"]!["escalation_id"] is not null, Stop);
        var asked = (await founder.GetAsync($"budgets/{full["budget_id"]}", Stop)).Body!["budget"]!["escalation_id"]!;
        await founder.SendAsync(HttpMethod.Put, "policies/runaway-agents", """{"scope":"agent","signal":"spend_rate","allowed":2,"times":3}"""u8.ToArray(), null, Stop);
        await founder.SendAsync(HttpMethod.Put, "policies/failing-acme", """{"scope":"provider","scope_id":"acme","signal":"error_rate","allowed":0.2,"times":2}"""u8.ToArray(), null, Stop);
        await SpendAsync(agent, task, 11);
        await Patience.UntilAsync(async () => (await founder.GetAsync("breakers", Stop)).Body!["items"]!.AsArray().Count > 0, Stop);
        foreach (var width in new[] { 1440, 390 })
        {
            var (page, complaints) = await browser.SignInAsync(width);
            await page.GotoAsync("/budgets/breakers");
            await Expect(page.Locator("text=runaway-agents").First).ToBeVisibleAsync();
            await CheckAsync(page, "breakers", width);
            await page.ClickAsync("text=New policy");
            await Expect(page.GetByLabel("Name")).ToBeVisibleAsync();
            await CheckAsync(page, "breakers-new", width);
            await page.GotoAsync("/budgets");
            await Expect(page.Locator("text=Project shown")).ToBeVisibleAsync();
            await CheckAsync(page, "budgets", width);
            await page.GotoAsync($"/budgets/{full["budget_id"]}");
            await Expect(page.Locator("text=Decide what happens")).ToBeVisibleAsync();
            await CheckAsync(page, "budget", width);
            await page.ClickAsync("text=Take back");
            await Expect(page.Locator("dialog[data-modal] p")).ToBeVisibleAsync();
            await CheckAsync(page, "budget-take-back", width);
            await page.Keyboard.PressAsync("Escape");
            await Expect(page.Locator("dialog[data-modal]")).ToHaveCountAsync(0);
            await page.ClickAsync("text=Raise for a while");
            await Expect(page.GetByLabel("By how much")).ToBeVisibleAsync();
            await CheckAsync(page, "budget-raise", width);
            await page.Keyboard.PressAsync("Escape");
            await Expect(page.Locator("dialog[data-modal]")).ToHaveCountAsync(0);
            await page.ClickAsync("header >> text=Edit");
            await page.GetByLabel("Soft limit").FillAsync("9");
            await page.ClickAsync("dialog[data-modal] >> text=Save");
            await Expect(page.Locator("dialog[data-modal] [role=alert]")).ToBeVisibleAsync();
            await CheckAsync(page, "budget-edit", width);
            await page.GotoAsync($"/budgets/{within["budget_id"]}");
            await Expect(page.Locator("text=It was never raised.")).ToBeVisibleAsync();
            await CheckAsync(page, "budget-fresh", width);
            await page.GotoAsync($"/escalations/{asked}");
            await Expect(page.Locator(".option").First).ToBeVisibleAsync();
            await CheckAsync(page, "budget-escalation", width);
            complaints.ShouldBeEmpty();
            await page.Context.CloseAsync();
        }
    }

    /// <summary>An agent at work in a project.</summary>
    private async Task<(string Task, TestSupport.BusClient Agent)> WorkAsync(string project)
    {
        var founder = browser.Host.Founder;
        var ticket = await founder.PostAsync("tickets", new { title = $"Work on {project}", project }, Stop);
        var task = await founder.PostAsync($"tickets/{ticket["key"]}/tasks", new { title = $"A task of {project}", required_capabilities = new[] { project }, lease_seconds = 600 }, Stop);
        var agent = await founder.PostAsync("agents", new { name = $"agent of {project}", kind = "test", capabilities = new[] { project } }, Stop);
        var bus = browser.Host.Client(agent["key"]);
        (await bus.PostAsync("tasks/claim", new { agent_id = agent["agent_id"] }, Stop)).IsRefused.ShouldBeFalse();
        return (task["task_id"], bus);
    }

    private static async Task SpendAsync(TestSupport.BusClient agent, string task, decimal cost)
    {
        var answer = await agent.PostAsync("cost-events", new { task_id = task, module_id = "acme/large-with-a-name-that-goes-on-and-on", provider = "acme", access_path = "api", estimated_cost = cost, currency = "USD" }, Stop);
        answer.IsRefused.ShouldBeFalse(answer.Body?.ToJsonString());
    }

    private static async Task CheckAsync(IPage page, string name, int width)
    {
        await page.InBothThemesAsync(async scheme =>
        {
            await page.ShouldBeSoundAsync($"{name} {width} {scheme}");
            if (Environment.GetEnvironmentVariable("CC_SCREENSHOTS") is { Length: > 0 } folder)
            {
                await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"{name}-{width}-{scheme}.png") });
            }
        });
        (await page.EvaluateAsync<int>("document.documentElement.scrollWidth - innerWidth")).ShouldBeLessThanOrEqualTo(0, $"{name} at {width}");
    }
}
