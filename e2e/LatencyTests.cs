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

        var number = 0;
        await ShouldBeWithinHalfASecondAsync("click → agent", async () =>
        {
            var delays = new List<double>(Approvals);
            for (var i = 0; i < Approvals; i++)
            {
                var title = $"May I? ({number++})";
                var asked = await agent.PostAsync("escalations", new { kind = "approval", title, action = new { step = i } }, Stop);
                asked.Status.ShouldBe(HttpStatusCode.Created);
                await Expect(page.Locator(".detail h2")).ToHaveTextAsync(title);
                var decided = ArrivalAsync(stream, asked["escalation_id"]);
                await page.ClickAsync("button.approve");
                var arrivedAt = await decided;
                delays.Add(arrivedAt - await page.EvaluateAsync<double>("window.clickedAt"));
            }

            return delays;
        });
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
        await ShouldBeWithinHalfASecondAsync("write → DOM", async () =>
        {
            var written = new Dictionary<string, double>();
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            for (var i = 0; i < 150; i++)
            {
                await timer.WaitForNextTickAsync(Stop);
                var answer = await browser.Host.Founder.PostAsync("events", new { kind = "dom.test", data = new { i } }, Stop);
                written[answer["first_seq"]] = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalMilliseconds;
            }

            await page.WaitForFunctionAsync("seqs => seqs.every(s => s in window.seen)", written.Keys.ToArray());
            var seen = await page.EvaluateAsync<Dictionary<string, double>>("window.seen");
            return [.. written.Select(w => seen[w.Key] - w.Value)];
        });
    }

    // A machine that stops for half a second in one round does not do so in three, and a product that is slow is so in each.
    private static async Task ShouldBeWithinHalfASecondAsync(string what, Func<Task<List<double>>> roundAsync)
    {
        var best = double.MaxValue;
        for (var round = 1; round <= 3 && best >= 500; round++)
        {
            var delays = (await roundAsync()).Order().ToList();
            best = Math.Min(best, delays[delays.Count * 95 / 100]);
            TestContext.Current.TestOutputHelper?.WriteLine($"{what}, round {round}: p50 {delays[delays.Count / 2]:0} ms, p95 {delays[delays.Count * 95 / 100]:0} ms, longest {delays[^1]:0} ms");
        }

        best.ShouldBeLessThan(Debugger.IsAttached ? double.MaxValue : 500);
    }

    /// <summary>When the approval is in the agent's hands, in milliseconds since 1970, as the browser counts them.</summary>
    private static async Task<double> ArrivalAsync(EventSource stream, string escalation)
    {
        var message = await stream.NextAsync(m => m.Data?["kind"]?.ToString() == "escalation.decided" && m.Data["subject"]!.ToString().Contains(escalation, StringComparison.Ordinal), Stop);
        message.Data!["data"]!["verdict"]!.ToString().ShouldBe("approved");
        return (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalMilliseconds;
    }
}
