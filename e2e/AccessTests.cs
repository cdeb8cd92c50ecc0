using System.Net;
using System.Text.RegularExpressions;
using ControlCenter.TestSupport;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

[Takes(seconds: 60)]
public sealed class AccessTests(Browser browser) : IClassFixture<Browser>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_observer_is_let_in_sees_everything_changes_nothing_and_is_out_when_revoked()
    {
        var (page, complaints) = await browser.SignInAsync();
        await page.GotoAsync("/access");
        await page.ClickAsync("text=Let somebody in");
        await page.FillAsync("dialog[data-modal] input >> nth=0", "The accountant");
        await page.ClickAsync("dialog[data-modal] >> text=Observer");
        await page.ClickAsync("dialog[data-modal] >> text=Make a key");
        var key = await page.Locator("dialog[data-modal] .code").InnerTextAsync();
        key.ShouldStartWith("cck_");
        await Expect(page.Locator("dialog[data-modal] [data-copy]")).ToHaveAttributeAsync("data-copy", key);
        await page.ClickAsync("dialog[data-modal] >> text=Done");
        await Expect(page.Locator("tr:has-text('The accountant')")).ToContainTextAsync("Active");
        await Expect(page.Locator("dialog[data-modal]")).ToHaveCountAsync(0);
        (await page.ContentAsync()).ShouldNotContain(key);

        var ticket = await browser.Host.Founder.PostAsync("tickets", new { title = "To look at" }, Stop);
        var task = await browser.Host.Founder.PostAsync($"tickets/{ticket["key"]}/tasks", new { title = "To look at too" }, Stop);
        var agent = await browser.Host.Founder.PostAsync("agents", new { name = "looked-at", kind = "test" }, Stop);
        var asked = await browser.Host.Founder.PostAsync("escalations", new { kind = "approval", title = "May I be seen?" }, Stop);
        var (observer, _) = await browser.SignInAsync(key: key);
        foreach (var path in new[] { "/", "/work", "/work?new=1", $"/work/{ticket["key"]}", $"/work/{ticket["key"]}?new=1", $"/work/tasks/{task["task_id"]}", "/agents", $"/agents/{agent["agent_id"]}", $"/escalations/{asked["escalation_id"]}", "/events" })
        {
            await observer.GotoAsync(path);
            await Expect(observer.Locator(".page-head")).ToContainTextAsync("Read only");
            await Expect(observer.Locator(".main .button.primary, .main .approve, .main .deny, .main .danger, dialog[data-modal], [data-key=n], [data-key=e], [data-key=a], [data-key=d]")).ToHaveCountAsync(0);
        }

        await Expect(observer.Locator("nav >> text=Access")).ToHaveCountAsync(0);
        await observer.GotoAsync("/access");
        await Expect(observer.Locator("text=Only the founder sees who gets in.")).ToBeVisibleAsync();
        await observer.GotoAsync("/access/audit");
        await Expect(observer.Locator("text=Only the founder sees who gets in.")).ToBeVisibleAsync();
        await observer.GotoAsync("/work");
        await Expect(observer.Locator("h1")).ToHaveTextAsync("Work");

        await page.ClickAsync("tr:has-text('The accountant') >> text=Revoke");
        await page.ClickAsync("dialog[data-modal] >> text=Revoke access");
        await Expect(page.Locator("tr:has-text('The accountant')")).ToContainTextAsync("Revoked");
        await Expect(observer).ToHaveURLAsync(new Regex("/sign-in"));
        await observer.GotoAsync("/work");
        observer.Url.ShouldContain("/sign-in");

        await page.GotoAsync("/access/audit?action=access.revoked");
        await Expect(page.Locator("tbody tr:has-text('The accountant')")).ToHaveCountAsync(1);
        complaints.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_emergency_operator_decides_and_stops_and_plans_nothing()
    {
        var key = (await browser.Host.Founder.PostAsync("actors", new { name = "Night watch", role = "emergency_operator" }, Stop))["key"];
        var asked = await browser.Host.Founder.PostAsync("escalations", new { kind = "approval", title = "At night?" }, Stop);
        var agent = await browser.Host.Founder.PostAsync("agents", new { name = "at-night", kind = "test" }, Stop);
        var (page, _) = await browser.SignInAsync(key: key);
        await page.GotoAsync($"/agents/{agent["agent_id"]}");
        await Expect(page.Locator(".page-head .danger")).ToHaveCountAsync(1);
        await page.GotoAsync("/work");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Work");
        await Expect(page.Locator(".main .button.primary")).ToHaveCountAsync(0);
        await page.GotoAsync($"/escalations/{asked["escalation_id"]}");
        await page.ClickAsync(".approve");
        await Expect(page.Locator(".queue >> text=At night?")).ToHaveCountAsync(0);
        (await browser.Host.Founder.GetAsync($"escalations/{asked["escalation_id"]}", Stop))["state"].ShouldBe("approved");
    }

    [Fact]
    public async Task The_audit_keeps_its_filters_and_its_page_in_the_address()
    {
        for (var i = 0; i < 60; i++)
        {
            await browser.Host.Founder.PostAsync("agents", new { name = $"audited-{i}", kind = "test" }, Stop);
        }

        var (page, _) = await browser.SignInAsync();
        await page.GotoAsync("/access/audit");
        await page.FillAsync("input[aria-label=Action]", "key.created");
        await page.PressAsync("input[aria-label=Action]", "Enter");
        await Expect(page.Locator("tbody tr:not(:has-text('key.created'))")).ToHaveCountAsync(0);
        await Expect(page.Locator("tbody tr")).ToHaveCountAsync(50);
        await page.ClickAsync("text=Older");
        await Expect(page).ToHaveURLAsync(new Regex("cursor="));
        await Expect(page.Locator("text=Newest")).ToBeVisibleAsync();
        await Expect(page.Locator("tbody tr").First).Not.ToContainTextAsync("audited-59");
        var first = await page.Locator("tbody tr").First.InnerTextAsync();
        await page.ReloadAsync();
        await Expect(page.Locator("tbody tr").First).ToContainTextAsync(first.Split('\n')[^1].Trim());
        await page.SelectOptionAsync("select[aria-label=Outcome]", "refused");
        await Expect(page.Locator("text=Nothing in the audit fits.")).ToBeVisibleAsync();
        page.Url.ShouldNotContain("cursor=");
        await page.GotoAsync("/access/audit?cursor=cut-short");
        await Expect(page.Locator("tbody tr")).ToHaveCountAsync(50);
    }

    [Fact]
    public async Task Its_pages_and_dialogs_are_sound_for_assistive_technology_in_both_themes_and_both_widths()
    {
        foreach (var (name, role) in new[] { ("Night shift", "emergency_operator"), ("Backup job", "system_service"), ("Investor", "read_only_observer"), ("Former partner", "read_only_observer") })
        {
            await browser.Host.Founder.PostAsync("actors", new { name, role }, Stop);
        }

        var actors = (await browser.Host.Founder.GetAsync("actors", Stop)).Body!["items"]!.AsArray();
        await browser.Host.Founder.PostAsync($"actors/{actors.First(a => a!["name"]!.ToString() == "Former partner")!["actor_id"]}/revoke", null, Stop);
        var agent = await browser.Host.Founder.PostAsync("agents", new { name = "sound-agent", kind = "test" }, Stop);
        using (var http = new HttpClient { BaseAddress = new Uri(browser.Host.Address, "/api/v1/") })
        {
            http.DefaultRequestHeaders.Authorization = new("Bearer", agent["key"]);
            (await new TestSupport.BusClient(http).PostAsync("actors", new { name = "x", role = "system_service" }, Stop)).Status.ShouldBe(HttpStatusCode.Forbidden);
        }

        foreach (var width in new[] { 1440, 390 })
        {
            var (page, complaints) = await browser.SignInAsync(width);
            await page.GotoAsync("/access");
            await Expect(page.Locator("tr:has-text('Investor')")).ToBeVisibleAsync();
            await CheckAsync(page, "access", width);
            await page.ClickAsync("text=Let somebody in");
            await CheckAsync(page, "access-let-in", width);
            await page.FillAsync("dialog[data-modal] input >> nth=0", $"Somebody {width}");
            await page.ClickAsync("dialog[data-modal] >> text=Make a key");
            await Expect(page.Locator("dialog[data-modal] .code")).ToBeVisibleAsync();
            await CheckAsync(page, "access-key", width);
            await page.ClickAsync("dialog[data-modal] >> text=Done");
            await page.ClickAsync("tr:has-text('Investor') >> text=Revoke");
            await CheckAsync(page, "access-revoke", width);
            await page.ClickAsync("dialog[data-modal] >> text=Keep it");
            await page.ClickAsync("tr:has-text('Investor') >> text=Rotate key");
            await CheckAsync(page, "access-rotate", width);
            await page.GotoAsync("/access/audit");
            await page.WaitForSelectorAsync("tbody tr");
            await CheckAsync(page, "access-audit", width);
            complaints.ShouldBeEmpty();
            await page.Context.CloseAsync();
        }

        var observerKey = (await browser.Host.Founder.PostAsync("actors", new { name = "Looks on", role = "read_only_observer" }, Stop))["key"];
        await browser.Host.Founder.PostAsync("escalations", new { kind = "approval", title = "May I deploy?" }, Stop);
        foreach (var width in new[] { 1440, 390 })
        {
            var (page, _) = await browser.SignInAsync(width, key: observerKey);
            foreach (var path in new[] { "/", "/escalations", "/access" })
            {
                await page.GotoAsync(path);
                await page.WaitForSelectorAsync("h1");
                await CheckAsync(page, $"observer-{path.Trim('/')}", width);
            }
        }
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

public sealed class OwnKeyTests(Browser browser) : IClassFixture<Browser>
{
    [Fact]
    public async Task A_founder_who_rotates_his_own_key_keeps_this_page_and_no_other()
    {
        var (page, complaints) = await browser.SignInAsync();
        var (other, _) = await browser.SignInAsync();
        await other.GotoAsync("/work");
        await page.GotoAsync("/access");
        await Expect(page.Locator("tr:has-text('you')")).ToHaveCountAsync(1);
        await Expect(page.Locator("tr:has-text('you') >> text=Revoke")).ToHaveCountAsync(0);
        await page.ClickAsync("tr:has-text('you') >> text=Rotate key");
        await page.ClickAsync("dialog[data-modal] >> text=Rotate key");
        var key = await page.Locator("dialog[data-modal] .code").InnerTextAsync();
        await Expect(other).ToHaveURLAsync(new Regex("/sign-in"));
        await Expect(page.Locator("dialog[data-modal] .code")).ToHaveTextAsync(key);
        await page.ClickAsync("dialog[data-modal] >> text=Done");

        // The page goes on, and what it does is done.
        await page.ClickAsync("text=Let somebody in");
        await page.FillAsync("dialog[data-modal] input >> nth=0", "After the rotation");
        await page.ClickAsync("dialog[data-modal] >> text=Make a key");
        await page.ClickAsync("dialog[data-modal] >> text=Done");
        await Expect(page.Locator("tr:has-text('After the rotation')")).ToHaveCountAsync(1);

        await page.ReloadAsync();
        page.Url.ShouldContain("/sign-in");
        await page.FillAsync("input[name=key]", HostProcess.FounderKey);
        await page.ClickAsync("button[type=submit]");
        await Expect(page.Locator(".notice[role=alert]")).ToContainTextAsync("unknown, expired or revoked");
        await page.FillAsync("input[name=key]", key);
        await page.ClickAsync("button[type=submit]");
        await page.WaitForSelectorAsync("h1:text-is('Access'), .stats");
        complaints.ShouldBeEmpty();
    }
}
