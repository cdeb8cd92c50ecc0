using System.Text.RegularExpressions;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

public sealed class RestartTests(Browser browser) : IClassFixture<Browser>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_a_kill_nothing_is_lost_and_the_page_comes_back_by_itself_where_it_was()
    {
        var ticket = await browser.Host.Founder.PostAsync("tickets", new { title = "Survives" }, Stop);
        var task = await browser.Host.Founder.PostAsync($"tickets/{ticket["key"]}/tasks", new { title = "Survives too" }, Stop);
        var agent = await browser.Host.Founder.PostAsync("agents", new { name = "survivor", kind = "test" }, Stop);
        var claim = (await browser.Host.Founder.PostAsync("tasks/claim", new { agent_id = agent["agent_id"] }, Stop)).Body!;
        var proof = new { lease_id = claim["lease"]!["lease_id"]!.ToString(), fencing_token = (long)claim["lease"]!["fencing_token"]!, percent = 10 };
        var (page, _) = await browser.SignInAsync();
        await page.GotoAsync($"/work/tasks/{task["task_id"]}?x=1");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Survives too");

        await browser.Host.KillAsync();
        await Expect(page.Locator("#components-reconnect-modal")).ToBeVisibleAsync();
        await browser.Host.StartAsync(Stop);

        (await browser.Host.Founder.PostAsync($"tasks/{task["task_id"]}/progress", proof, Stop)).Status.ShouldBe(System.Net.HttpStatusCode.Accepted);
        await Expect(page.Locator(".page-head .badge")).ToContainTextAsync("Running");
        page.Url.ShouldEndWith($"/work/tasks/{task["task_id"]}?x=1");
    }

    [Fact]
    public async Task A_sigterm_ends_everything_cleanly_within_thirty_seconds()
    {
        await using var host = new HostProcess();
        await host.StartAsync(Stop);
        using var stream = await host.Founder.StreamAsync("", Stop);
        var waiting = host.Founder.PostAsync("agents", new { name = "waiter", kind = "test" }, Stop);
        var claiming = host.Founder.PostAsync("tasks/claim", new { agent_id = (await waiting)["agent_id"], wait_seconds = 60 }, Stop);

        var (exitCode, took) = await host.TerminateAsync(Stop);

        exitCode.ShouldBe(0, host.Output);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(30));
        try
        {
            ((int)(await claiming).Status).ShouldBeOneOf(204, 503);
        }
        catch (HttpRequestException)
        {
            // It came to a door that was closed already, or was still on its way to it.
        }

        (await stream.NextAsync(m => m.Event is not null, Stop)).Event.ShouldBe("shutdown");
        host.LeavesPostgresBehind().ShouldBeFalse();
        Regex.IsMatch(host.Output, "fail:|crit:|Unhandled").ShouldBeFalse(host.Output);
    }
}
