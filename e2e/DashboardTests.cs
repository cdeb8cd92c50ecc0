using System.Net;
using ControlCenter.TestSupport;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

[Takes(seconds: 120)]
public sealed class DashboardTests(Browser browser) : IClassFixture<Browser>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_founder_plans_work_watches_an_agent_approves_and_sees_it_done()
    {
        var (page, complaints) = await browser.SignInAsync();
        await page.GotoAsync("/work");
        await page.ClickAsync("text=New ticket");
        await page.FillAsync("dialog[data-modal] input >> nth=0", "A ticket from the browser");
        await page.ClickAsync("text=Open ticket");
        await Expect(page.Locator("h1")).ToHaveTextAsync("A ticket from the browser");
        await page.ClickAsync("header >> text=New task");
        await page.FillAsync("dialog[data-modal] input >> nth=0", "A task from the browser");
        await page.FillAsync("dialog[data-modal] input >> nth=1", "browser");
        await page.ClickAsync("dialog[data-modal] >> text=Plan task");
        await page.ClickAsync("text=A task from the browser");
        await Expect(page.Locator("h1")).ToHaveTextAsync("A task from the browser");

        var agent = await browser.Host.Founder.PostAsync("agents", new { name = "e2e", kind = "test", capabilities = new[] { "browser" } }, Stop);
        var claim = (await browser.Host.Founder.PostAsync("tasks/claim", new { agent_id = agent["agent_id"] }, Stop)).Body!;
        var (task, lease, token) = (claim["task"]!["task_id"]!.ToString(), claim["lease"]!["lease_id"]!.ToString(), (long)claim["lease"]!["fencing_token"]!);
        await Expect(page.Locator(".page-head .badge")).ToContainTextAsync("Taken");
        var asked = await browser.Host.Founder.PostAsync(
            "escalations",
            new { kind = "approval", title = "May I go on?", task_id = task, lease_id = lease, fencing_token = token, action = new { what = "go on" } }, Stop);
        await Expect(page.Locator(".page-head .badge")).ToContainTextAsync("Waits for you");

        await page.GotoAsync($"/escalations/{asked["escalation_id"]}");
        await Expect(page.Locator(".detail h2")).ToHaveTextAsync("May I go on?");
        await Expect(page.Locator(".decide textarea")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("c");
        await page.Keyboard.TypeAsync("by keyboard");
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("a");
        await Expect(page.Locator(".queue >> text=May I go on?")).ToHaveCountAsync(0);
        var decided = (await browser.Host.Founder.GetAsync($"escalations?task_id={task}", Stop)).Body!["items"]![0]!;
        decided["state"]!.ToString().ShouldBe("approved");
        decided["decision"]!["comment"]!.ToString().ShouldBe("by keyboard");

        (await browser.Host.Founder.PostAsync($"tasks/{task}/complete", new { lease_id = lease, fencing_token = token, result = new { found = 3 } }, Stop)).Status.ShouldBe(HttpStatusCode.OK);
        await page.GotoAsync($"/work/tasks/{task}");
        await Expect(page.Locator(".page-head .badge")).ToContainTextAsync("Completed");
        await Expect(page.Locator("dt:text-is('found') + dd")).ToHaveTextAsync("3");
        complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task Every_page_is_sound_for_assistive_technology_in_both_themes_and_both_widths()
    {
        await browser.Host.Founder.PostAsync("tickets", new { title = "Something to show" }, Stop);
        await browser.Host.Founder.PostAsync("escalations", new { kind = "question", title = "Which one?", options = new[] { "a", "b" } }, Stop);
        foreach (var width in new[] { 1440, 390 })
        {
            var (page, complaints) = await browser.SignInAsync(width);
            foreach (var path in new[] { "/", "/escalations", "/work", "/work?new=1", "/work/tasks", "/agents", "/agents/definitions", "/runtimes", "/runtimes?ended=true", "/sessions", "/hosts", "/modules", "/modules/routes", "/costs", "/costs/events", "/costs/prices", "/costs/invoices", "/costs/invoices?new=1", "/costs/rates", "/costs/rates?new=1", "/budgets", "/budgets?new=1", "/budgets/breakers", "/recovery", "/recovery/restore", "/recovery/drills", "/jobs", "/jobs/trim-history", "/jobs/trim-history?do=schedule", "/events", "/access", "/access/audit" })
            {
                await page.GotoAsync(path);
                await page.WaitForSelectorAsync("h1, .empty");
                await page.WaitForFunctionAsync("document.title.includes('Control Center')");
                (await page.EvaluateAsync<int>("document.documentElement.scrollWidth - innerWidth")).ShouldBeLessThanOrEqualTo(0, $"{path} at {width}");
                await page.InBothThemesAsync(async scheme =>
                {
                    await page.ShouldBeSoundAsync($"{path} {width} {scheme}");
                    if (Environment.GetEnvironmentVariable("CC_SCREENSHOTS") is { Length: > 0 } folder)
                    {
                        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"{path.Trim('/').Replace('/', '-').Replace('?', '-')}-{width}-{scheme}.png") });
                    }
                });
            }

            complaints.Where(c => !c.Contains("404", StringComparison.Ordinal)).ShouldBeEmpty();
            await page.Context.CloseAsync();
        }
    }

    [Fact]
    public async Task What_is_not_sound_is_found()
    {
        var (page, _) = await browser.SignInAsync();
        await page.SetContentAsync("<main><button></button></main>");
        (await Soundness.FindAsync(page)).ShouldContain("button-name <button></button>");
    }

    [Fact]
    public async Task A_title_that_takes_the_focus_late_takes_it_from_nobody_who_types()
    {
        var (page, _) = await browser.SignInAsync();
        await page.GotoAsync("/work/tasks");
        await page.FocusAsync("input[type=search]");
        await page.EvaluateAsync("document.querySelector('h1').focus()");
        (await page.EvaluateAsync<string>("document.activeElement.type")).ShouldBe("search");
    }

    [Fact]
    public async Task What_is_asked_next_takes_the_focus_from_nobody_who_writes_a_comment_in_which_letters_would_decide()
    {
        var asked = await browser.Host.Founder.PostAsync("escalations", new { kind = "approval", title = "Shall I write?", action = new { step = 1 } }, Stop);
        var (page, _) = await browser.SignInAsync();
        await page.GotoAsync($"/escalations/{asked["escalation_id"]}");
        await Expect(page.Locator(".detail h2")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("c");
        await page.Keyboard.TypeAsync("No b");
        await page.EvaluateAsync("document.querySelector('.detail h2').focus()");
        await page.Keyboard.TypeAsync("ad idea");
        (await page.EvaluateAsync<string>("document.activeElement.value")).ShouldBe("No bad idea");
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task An_address_with_nothing_behind_it_says_so_and_leads_back()
    {
        var (page, _) = await browser.SignInAsync();
        (await page.GotoAsync("/nothing-here"))!.Status.ShouldBe(404);
        await Expect(page.Locator("text=There is nothing at this address.")).ToBeVisibleAsync();
        foreach (var link in await page.Locator("nav a").AllAsync())
        {
            (await page.Context.APIRequest.GetAsync((await link.GetAttributeAsync("href"))!)).Status.ShouldBe(200);
        }
    }

    [Fact]
    public async Task Nobody_sees_anything_without_signing_in_and_an_agents_key_does_not_sign_in()
    {
        using var plain = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = browser.Host.Address };
        foreach (var path in new[] { "/", "/work", "/escalations", "/agents", "/agents/definitions", "/runtimes", "/sessions", "/hosts", "/modules", "/modules/routes", "/costs", "/costs/events", "/costs/prices", "/costs/invoices", "/costs/rates", "/budgets", "/budgets/breakers", "/recovery", "/recovery/restore", "/recovery/drills", "/jobs", "/jobs/trim-history", "/events", "/access", "/access/audit" })
        {
            var answer = await plain.GetAsync(new Uri(path, UriKind.Relative), Stop);
            answer.StatusCode.ShouldBe(HttpStatusCode.Redirect, path);
            answer.Headers.Location!.ToString().ShouldContain("/sign-in");
            answer.Headers.GetValues("Content-Security-Policy").Single().ShouldContain("script-src 'self';");
        }

        var forged = await plain.PostAsync(new Uri("/sign-in", UriKind.Relative), new FormUrlEncodedContent([new("key", HostProcess.FounderKey)]), Stop);
        forged.Headers.Location!.ToString().ShouldContain("problem=stale");
    }
}
