using System.Net;
using ControlCenter.TestSupport;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

/// <summary>A host with a repository outside its data folder, and a browser.</summary>
public sealed class BackedUpBrowser : Browser
{
    private readonly string _folder;

    public BackedUpBrowser()
        : this(Directory.CreateTempSubdirectory("cc-e2e-repository-").FullName)
    {
    }

    private BackedUpBrowser(string folder)
        : base(new HostProcess
        {
            Settings = new Dictionary<string, string> { ["CC_BACKUP_REPOSITORY"] = Path.Combine(folder, "repository"), ["CC_BACKUP_PASSWORD_FILE"] = Path.Combine(folder, "password") },
        }) => _folder = folder;

    public override async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "password"), "a password of the repository's own\n");
        await base.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>Backups, a restore to a second, and the running database's place, as the founder does them.</summary>
[Takes(seconds: 150)]
public sealed class RecoveryPagesTests(BackedUpBrowser browser) : IClassFixture<BackedUpBrowser>
{
    private const float Patience = 120_000;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_backup_is_taken_a_moment_is_chosen_by_what_happened_and_what_was_restored_takes_the_databases_place()
    {
        var (page, complaints) = await browser.SignInAsync();
        await page.GotoAsync("/recovery");
        await page.ClickAsync("text=Take a backup now");
        await page.FillAsync("dialog[data-modal] input[placeholder='before the migration']", "before all of it");
        await page.CheckAsync("dialog[data-modal] input[type=checkbox]");
        await page.ClickAsync("dialog[data-modal] button[type=submit]");
        var taken = page.Locator(".backups tr", new PageLocatorOptions { HasText = "before all of it" });
        await Expect(taken.Locator(".badge")).ToHaveTextAsync("Taken", new LocatorAssertionsToHaveTextOptions { Timeout = Patience });

        (await browser.Host.Founder.PostAsync("tickets", new { title = "stays" }, Stop)).Status.ShouldBe(HttpStatusCode.Created);
        (await browser.Host.Founder.PostAsync("tickets", new { title = "goes" }, Stop)).Status.ShouldBe(HttpStatusCode.Created);
        await ChooseAsync(page);
        await LookAsync(page, "wizard");
        await page.ClickAsync("text=Restore to a new folder");
        await Expect(page.Locator(".page-head .badge")).ToHaveTextAsync("Restored", new LocatorAssertionsToHaveTextOptions { Timeout = Patience });
        await Expect(page.Locator(".list .badge.bad")).ToHaveCountAsync(0);
        await LookAsync(page, "restored");

        await page.ClickAsync("text=Take the place of the running database");
        await page.FillAsync("dialog[data-modal] input", "yes");
        await page.ClickAsync("dialog[data-modal] button[type=submit]");
        await Expect(page.Locator("dialog[data-modal] [role=alert]")).ToContainTextAsync("Type 'replace");
        // From here on the host goes away and comes back, of which a browser complains.
        complaints.ShouldBeEmpty();
        await page.FillAsync("dialog[data-modal] input", await page.InnerTextAsync("dialog[data-modal] .field strong"));
        await page.ClickAsync("dialog[data-modal] button[type=submit]");
        await Expect(page.Locator(".page-head .badge")).ToHaveTextAsync("Running database", new LocatorAssertionsToHaveTextOptions { Timeout = Patience });
        var tickets = (await browser.Host.Founder.GetAsync("tickets", Stop)).Body!["items"]!.AsArray().Select(t => t!["title"]!.ToString());
        tickets.ShouldBe(["stays"]);
    }

    /// <summary>Picks the moment before the second ticket was opened, once its log has arrived.</summary>
    private static async Task ChooseAsync(IPage page)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(3));
        do
        {
            await page.GotoAsync("/recovery/restore");
            await page.WaitForSelectorAsync(".near, .empty");
            if (await page.Locator("[aria-label='Just before: Ticket T-2: goes']").CountAsync() > 0)
            {
                await page.ClickAsync("[aria-label='Just before: Ticket T-2: goes']");
                await Expect(page.Locator(".near-lost").Last).ToContainTextAsync("Ticket T-2: goes", new LocatorAssertionsToContainTextOptions { Timeout = Patience });
                await page.WaitForSelectorAsync(".wizard .notice.warn, .wizard dt", new PageWaitForSelectorOptions { Timeout = Patience });
                if (await page.Locator(".wizard .notice.warn").CountAsync() == 0)
                {
                    await Expect(page.Locator(".wizard")).ToContainTextAsync("1 new ticket");
                    return;
                }
            }
        }
        while (await timer.WaitForNextTickAsync(Stop));
    }

    private static async Task LookAsync(IPage page, string name)
    {
        await page.ShouldBeSoundAsync(name);
        if (Environment.GetEnvironmentVariable("CC_SCREENSHOTS") is { Length: > 0 } folder)
        {
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"recovery-{name}.png"), FullPage = true });
        }
    }
}
