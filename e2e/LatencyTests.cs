using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using ControlCenter.TestSupport;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

/// <summary>How soon what happens is where somebody waits for it.</summary>
[Collection(nameof(AloneOnTheMachine))]
public sealed class LatencyTests(Browser browser) : IClassFixture<Browser>
{
    private const int Approvals = 50;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_click_on_approve_reaches_the_agent_that_waits_within_half_a_second_while_three_browsers_look_on()
    {
        var registered = await browser.Host.Founder.PostAsync("agents", new { name = "waits for a click", kind = "test" }, Stop);
        using var http = new HttpClient { BaseAddress = new Uri(browser.Host.Address, "/api/v1/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", registered["key"]);
        using var agent = new BusClient(http);
        using var stream = await agent.StreamAsync("?channel=agent", Stop);
        foreach (var path in new[] { "/", "/escalations?decided=true" })
        {
            var (onlooker, _) = await browser.SignInAsync();
            await onlooker.GotoAsync(path);
        }

        var (page, complaints) = await browser.SignInAsync();
        await page.GotoAsync("/escalations");
        await page.EvaluateAsync("""
            () => addEventListener("click", e => { if (e.target.closest(".approve")) window.clickedAt = performance.timeOrigin + performance.now(); }, true)
            """);

        var delays = new List<double>(Approvals);
        for (var i = 0; i < Approvals; i++)
        {
            var asked = await agent.PostAsync("escalations", new { kind = "approval", title = $"May I? ({i})", action = new { step = i } }, Stop);
            asked.Status.ShouldBe(HttpStatusCode.Created);
            await Expect(page.Locator(".detail h2")).ToHaveTextAsync($"May I? ({i})");
            var decided = ArrivalAsync(stream, asked["escalation_id"]);
            await page.ClickAsync("button.approve");
            var arrivedAt = await decided;
            delays.Add(arrivedAt - await page.EvaluateAsync<double>("window.clickedAt"));
        }

        delays.Sort();
        var p95 = delays[Approvals * 95 / 100];
        TestContext.Current.TestOutputHelper?.WriteLine($"click → agent: p50 {delays[Approvals / 2]:0} ms, p95 {p95:0} ms, longest {delays[^1]:0} ms");
        p95.ShouldBeLessThan(Debugger.IsAttached ? double.MaxValue : 500);
        complaints.ShouldBeEmpty();
    }

    // What is promised is half of it, on a machine with nothing else to do: there bench/run measures it (bench/README.md).
    [Fact]
    public async Task What_happens_is_in_the_browser_within_half_a_second_also_on_a_busy_machine()
    {
        var (page, _) = await browser.SignInAsync();
        await page.GotoAsync("/events?kind=dom.");
        await page.WaitForSelectorAsync("text=No event fits.");
        await page.EvaluateAsync("""
            () => { window.seen = {}; new MutationObserver(() => { for (const e of document.querySelectorAll('[data-seq]')) window.seen[e.dataset.seq] ??= performance.timeOrigin + performance.now(); }).observe(document.body, { childList: true, subtree: true }); }
            """);
        var written = new Dictionary<string, double>();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        for (var i = 0; i < 150; i++)
        {
            await timer.WaitForNextTickAsync(Stop);
            var answer = await browser.Host.Founder.PostAsync("events", new { kind = "dom.test", data = new { i } }, Stop);
            written[answer["first_seq"]] = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalMilliseconds;
        }

        await page.WaitForFunctionAsync("count => Object.keys(window.seen).length >= count", written.Count);
        var seen = await page.EvaluateAsync<Dictionary<string, double>>("window.seen");
        var delays = written.Select(w => seen[w.Key] - w.Value).Order().ToList();
        TestContext.Current.TestOutputHelper?.WriteLine($"write → DOM: p50 {delays[75]:0} ms, p95 {delays[142]:0} ms");
        delays[142].ShouldBeLessThan(Debugger.IsAttached ? double.MaxValue : 500);
    }

    /// <summary>When the approval is in the agent's hands, in milliseconds since 1970, as the browser counts them.</summary>
    private static async Task<double> ArrivalAsync(EventSource stream, string escalation)
    {
        var message = await stream.NextAsync(m => m.Data?["kind"]?.ToString() == "escalation.decided" && m.Data["subject"]!.ToString().Contains(escalation, StringComparison.Ordinal), Stop);
        message.Data!["data"]!["verdict"]!.ToString().ShouldBe("approved");
        return (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalMilliseconds;
    }
}
