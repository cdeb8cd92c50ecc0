using Microsoft.Playwright;

namespace ControlCenter.E2E;

/// <summary>Takes README's pictures (docs/images) of a host at work. Only when asked, by ./test --images: each run's pictures differ by the time of day.</summary>
public sealed class PicturesTests(Browser browser) : IClassFixture<Browser>
{
    public static bool AreWanted => Folder is { Length: > 0 };

    private static string? Folder => Environment.GetEnvironmentVariable("CC_IMAGES");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(SkipUnless = nameof(AreWanted), Skip = "Pictures are taken by ./test --images.")]
    public async Task The_pictures_in_the_readme_are_of_a_host_at_work()
    {
        Directory.CreateDirectory(Folder!);
        var task = await WorkAsync();
        await TakeAsync("overview", "/", ".stats", 1440, ColorScheme.Light);
        await TakeAsync("escalation", "/escalations", ".decide textarea:not([disabled])", 1440, ColorScheme.Dark);
        await TakeAsync("task", $"/work/tasks/{task}", ".page-head .badge", 1440, ColorScheme.Light);
        await TakeAsync("phone", "/escalations", ".queue", 390, ColorScheme.Light);
    }

    /// <summary>A small fleet that works, asks and finishes; returns the task that waits.</summary>
    private async Task<string> WorkAsync()
    {
        using var bus = browser.Host.Founder;
        var waiting = "";
        foreach (var (number, title, work) in new[]
        {
            (0, "Release 2.4", new[] { "Write the release notes", "Deploy to production", "Watch error rates for an hour" }),
            (1, "Customer import is slow", new[] { "Profile the import", "Add the missing index", "Measure again" }),
        })
        {
            var ticket = (await bus.PostAsync("tickets", new { title, project = number == 0 ? "release" : "import", priority = 3 }, Stop))["key"];
            var agent = await bus.PostAsync("agents", new { name = number == 0 ? "claude-release" : "codex-import", kind = number == 0 ? "claude-code" : "codex", host = "studio" }, Stop);
            using var self = browser.Host.Client(agent["key"]);
            foreach (var name in work)
            {
                await bus.PostAsync($"tickets/{ticket}/tasks", new { title = name, priority = 3 - number }, Stop);
            }

            await self.PostAsync($"agents/{agent["agent_id"]}/heartbeat", new { state = "working" }, Stop);
            waiting = await WorkOffAsync(self, agent["agent_id"], asks: number == 0) ?? waiting;
        }

        return waiting;
    }

    /// <summary>Finishes one task and gets far with the next; asks for leave to go on if it is to. Returns the task that waits then.</summary>
    private static async Task<string?> WorkOffAsync(TestSupport.BusClient bus, string agent, bool asks)
    {
        for (var n = 0; ; n++)
        {
            var claim = (await bus.PostAsync("tasks/claim", new { agent_id = agent }, Stop)).Body!;
            var (task, lease, token) = (claim["task"]!["task_id"]!.ToString(), claim["lease"]!["lease_id"]!.ToString(), (long)claim["lease"]!["fencing_token"]!);
            await bus.PostAsync($"tasks/{task}/progress", new { lease_id = lease, fencing_token = token, percent = 40, note = "read what there is" }, Stop);
            await bus.PostAsync($"tasks/{task}/checkpoint", new { lease_id = lease, fencing_token = token, state = new { step = 2 } }, Stop);
            if (n == 0)
            {
                await bus.PostAsync($"tasks/{task}/complete", new { lease_id = lease, fencing_token = token, result = new { summary = "done", files = 3 } }, Stop);
                continue;
            }

            await bus.PostAsync($"tasks/{task}/progress", new { lease_id = lease, fencing_token = token, percent = 80, note = "ready, as far as it can be tried" }, Stop);
            if (!asks)
            {
                return null;
            }

            await bus.PostAsync("escalations", new
            {
                kind = "approval", title = "Deploy release 2.4 to production?", detail = "All 812 checks passed. The database needs one migration, which can be undone.",
                task_id = task, lease_id = lease, fencing_token = token, action = new { tool = "deploy", target = "production", version = "2.4.0" },
            }, Stop);
            return task;
        }
    }

    private async Task TakeAsync(string name, string path, string shown, int width, ColorScheme scheme)
    {
        var (page, _) = await browser.SignInAsync(width, scheme);
        await page.GotoAsync(path);
        await page.WaitForSelectorAsync(shown);
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Folder!, $"{name}.png") });
        await page.Context.CloseAsync();
    }
}
