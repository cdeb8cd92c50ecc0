using System.Net;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

/// <summary>The history of an incident is pinned and unpinned beside the policies that it is kept from.</summary>
public sealed class PinnedHistoryTests(Browser browser) : IClassFixture<Browser>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task History_is_pinned_with_a_reason_shown_to_everybody_at_once_and_unpinned()
    {
        var (page, complaints) = await browser.SignInAsync();
        await page.GotoAsync("/jobs/trim-history");
        await Expect(page.Locator("#pins")).ToContainTextAsync("Nothing is pinned.");

        // What somebody else pins shows by itself.
        var other = await browser.Host.Founder.PostAsync("retention/pins", new { title = "the night that the disk was full", from = "2026-03-30T20:00:00Z", to = "2026-03-31T06:00:00Z" }, Stop);
        other.Status.ShouldBe(HttpStatusCode.Created, other.Body?.ToJsonString());
        var rows = page.Locator("#pins tbody tr");
        await Expect(rows).ToHaveCountAsync(1);

        await page.ClickAsync("#pins .card-head button");
        await page.FillAsync("dialog[data-modal] input[maxlength]", "the agent that would not stop");
        await LookAsync(page, "dialog");
        await page.ClickAsync("dialog[data-modal] button[type=submit]");
        await Expect(rows).ToHaveCountAsync(2);
        await Expect(rows.Nth(0)).ToContainTextAsync("the agent that would not stop");
        await Expect(rows.Nth(0)).ToContainTextAsync("by founder");
        (await browser.Host.Founder.GetAsync("retention/pins", Stop)).Body!["items"]!.AsArray().Count.ShouldBe(2);
        await LookAsync(page, "pinned");

        foreach (var (width, scheme) in new[] { (390, ColorScheme.Light), (390, ColorScheme.Dark), (1440, ColorScheme.Dark) })
        {
            var (another, said) = await browser.SignInAsync(width, scheme);
            await another.GotoAsync("/jobs/trim-history");
            await Expect(another.Locator("#pins tbody tr")).ToHaveCountAsync(2);
            await LookAsync(another, $"pinned-{width}-{scheme}");
            said.ShouldBeEmpty();
        }

        await page.ClickAsync("[aria-label='Unpin: the night that the disk was full']");
        await Expect(page.Locator("dialog[data-modal]")).ToContainTextAsync("does not come back");
        await page.ClickAsync("dialog[data-modal] button[type=submit]");
        await Expect(rows).ToHaveCountAsync(1);
        await page.ClickAsync("[aria-label='Unpin: the agent that would not stop']");
        await page.ClickAsync("dialog[data-modal] button[type=submit]");
        await Expect(page.Locator("#pins")).ToContainTextAsync("Nothing is pinned.");
        await LookAsync(page, "none");
        await page.ClickAsync("text=Show 2 unpinned");
        await Expect(rows).ToHaveCountAsync(2);
        await LookAsync(page, "unpinned");
        complaints.ShouldBeEmpty();
    }

    private static async Task LookAsync(IPage page, string name)
    {
        await page.ShouldBeSoundAsync(name);
        if (Environment.GetEnvironmentVariable("CC_SCREENSHOTS") is { Length: > 0 } folder)
        {
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"pins-{name}.png"), FullPage = true });
        }
    }
}
