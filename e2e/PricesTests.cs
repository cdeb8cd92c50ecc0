using System.Net;
using System.Text;
using ControlCenter.TestSupport.Models;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

public sealed class PricesTests(Browser browser) : IClassFixture<Browser>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_founder_sees_what_a_corrected_price_changes_books_it_and_finds_it_in_the_number_behind()
    {
        await using var provider = await StandInProvider.StartAsync();
        using var founder = browser.Host.Founder;
        var credential = Path.GetTempFileName();
        await File.WriteAllTextAsync(credential, StandInProvider.Key, Stop);
        await PriceAsync(1000);
        for (var i = 0; i < 2; i++)
        {
            await AskAsync();
        }

        await PriceAsync(3000);
        var (page, complaints) = await browser.SignInAsync();
        await page.GotoAsync("/costs/prices");
        await Expect(page.Locator("section[aria-label='What was really paid'] tbody tr")).ToContainTextAsync("a million tokens");
        await page.ClickAsync("text=Show the differences");
        var row = page.Locator("section[aria-label='Corrected prices'] tbody tr");
        await Expect(row).ToContainTextAsync("writer");
        await Expect(row.Locator("td[data-label=Uses]")).ToHaveTextAsync("2");
        await page.ShouldBeSoundAsync("prices");
        await page.ClickAsync("text=Book the differences");
        await page.ClickAsync("dialog[data-modal] >> text=Book them");
        await Expect(page.Locator("text=Every use is reckoned by the price that was in force for it.")).ToBeVisibleAsync();

        await page.GotoAsync("/costs/events?by=module&key=writer");
        await Expect(page.Locator(".reasons h2")).ToHaveTextAsync(["What is spent", "Why it is so much", "Whether it is justified"]);
        await Expect(page.Locator(".table .badge", new() { HasText = "Correction" })).ToHaveCountAsync(2);
        await page.Locator(".reasons a", new() { HasText = "LOC" }).ClickAsync();
        await Expect(page.Locator(".filters")).ToContainTextAsync("environment: LOC");
        complaints.ShouldBeEmpty();
        File.Delete(credential);

        async Task PriceAsync(decimal input) => (await founder.PostAsync("catalogue", new
        {
            providers = new[] { new { id = "stand-in", endpoint = provider.Endpoint, dialect = "anthropic", credential = $"file:{credential}" } },
            modules = new[] { new { id = "writer", provider = "stand-in", upstream_model = StandInProvider.ModelFor(Behaviour.Answer, "writer") } },
            prices = new[] { new { module = "writer", effective_from = "2020-01-01T00:00:00Z", currency = "USD", input, output = 2000, cache_read = 100 } },
        }, Stop)).Status.ShouldBe(HttpStatusCode.OK);

        async Task AskAsync()
        {
            using var body = new StringContent("""{"model":"writer","max_tokens":100,"messages":[{"role":"user","content":"What is the answer?"}]}""", Encoding.UTF8, "application/json");
            (await founder.Http.PostAsync(new Uri(browser.Host.Address, "/v1/messages"), body, Stop)).StatusCode.ShouldBe(HttpStatusCode.OK);
        }
    }
}
