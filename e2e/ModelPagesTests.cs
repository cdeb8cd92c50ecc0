using System.Net.Http.Headers;
using System.Text.Json;
using ControlCenter.TestSupport;
using ControlCenter.TestSupport.Models;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

[Takes(seconds: 50)]
public sealed class ModelPagesTests(Browser browser) : IClassFixture<Browser>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_models_do_is_on_their_pages_live_and_what_is_wrong_with_one_can_be_read_and_mended()
    {
        await using var provider = await StandInProvider.StartAsync();
        var key = Path.Combine(Path.GetTempPath(), $"cc-key-{Guid.NewGuid():N}");
        await File.WriteAllTextAsync(key, StandInProvider.Key, Stop);
        await FillAsync(provider, key);
        var (page, complaints) = await browser.SignInAsync();
        await page.GotoAsync("/modules");
        var broken = page.Locator("tr", new() { HasText = "fail-broken" });
        await Expect(broken).ToContainTextAsync("Not called lately");
        for (var i = 0; i < 5; i++)
        {
            (await AskAsync("broken")).Dispose();
        }

        (await AskAsync("default")).EnsureSuccessStatusCode();
        for (var i = 0; i < 3; i++)
        {
            (await AskAsync("flat-rate")).EnsureSuccessStatusCode();
        }

        await Expect(broken).ToContainTextAsync("Left alone");
        await Expect(page.Locator("tr", new() { HasText = "answer-flat" })).ToContainTextAsync("75 % of 4 calls");
        await Expect(page.Locator("tr", new() { HasText = "answer-old" })).ToContainTextAsync("ends it on");
        await LookAsync("/modules", "modules-full");

        await broken.GetByText("Let calls pass").ClickAsync();
        await Expect(broken.Locator(".badge")).Not.ToContainTextAsync("Left alone");

        await page.GotoAsync("/modules/routes");
        var decisions = page.Locator("section", new() { HasText = "Recent decisions" });
        await Expect(decisions.Locator("tr", new() { HasText = "default" })).ToContainTextAsync("writer answered");
        var shadows = page.Locator("section", new() { HasText = "Asked again what others have answered" });
        await Expect(shadows.Locator("tbody tr", new() { HasText = "unjudged" })).ToContainTextAsync("no judge");
        (await AskAsync("compared")).EnsureSuccessStatusCode();
        await Expect(shadows.Locator("tbody tr", new() { HasText = "compared" })).ToContainTextAsync("of 1");
        (await AskAsync("nobody-knows-it")).Dispose();
        await Expect(decisions.Locator("tbody tr").First).ToContainTextAsync("Unknown model");
        await page.GetByLabel("Only what did not go straight").CheckAsync();
        await Expect(page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex("troubled=true"));
        await LookAsync("/modules/routes", "routes-full");

        await page.GotoAsync("/modules");
        await page.GetByText("Change the catalogue").ClickAsync();
        await page.Locator("dialog[data-modal] textarea, .dialog textarea, textarea").FillAsync("""{ "routes": [ { "alias": "new", "modules": ["nobody"] } ] }""");
        await page.GetByRole(AriaRole.Button, new() { Name = "Change", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("There is no module 'nobody'.");
        await page.Locator("textarea").FillAsync("""{ "routes": [ { "alias": "new", "modules": ["writer"] } ] }""");
        await page.GetByRole(AriaRole.Button, new() { Name = "Change", Exact = true }).ClickAsync();
        await Expect(page.Locator("textarea")).ToHaveCountAsync(0);
        await page.GotoAsync("/modules/routes");
        await Expect(page.Locator(".list-row", new() { HasText = "new" })).ToContainTextAsync("writer");
        complaints.ShouldBeEmpty();
        File.Delete(key);
    }

    private async Task FillAsync(StandInProvider provider, string key)
    {
        object Module(string id, string behaves, object? more = null)
        {
            var fields = JsonSerializer.SerializeToNode(more ?? new { })!.AsObject();
            (fields["id"], fields["provider"], fields["upstream_model"]) = (id, "stand-in", behaves);
            return fields;
        }

        object Price(string module, decimal times = 1) => new { module, effective_from = "2020-01-01T00:00:00Z", currency = "USD", input = 3 * times, output = 15 * times, cache_read = 0.3m * times };
        var windows = new[] { new { hours = 5, unit = "calls", limit = 4 }, new { hours = 168, unit = "calls", limit = 200 } };
        var evidence = new[]
        {
            new { field = "price", source = "https://provider.example/prices", verified_at = DateTimeOffset.UtcNow.AddDays(-120) },
            new { field = "trust", source = "contract of March", verified_at = DateTimeOffset.UtcNow.AddDays(-12) },
        };
        var answer = await browser.Host.Founder.PostAsync("catalogue", new
        {
            providers = new[] { new { id = "stand-in", endpoint = provider.Endpoint, dialect = "anthropic", credential = $"file:{key}" } },
            modules = new[]
            {
                Module("writer", "answer-writer", new { context_window = 200_000, evidence }), Module("broken", "fail-broken"),
                Module("flat-rate", "answer-flat", new { access_path = "subscription", context_window = 1_000_000 }),
                Module("cheap", "answer-cheap"), Module("critic", "judge-critic"),
                Module("old", "answer-old", new { ends_at = DateTimeOffset.UtcNow.AddDays(10) }),
            },
            prices = new object[]
            {
                Price("writer"), Price("broken"), Price("old"), Price("cheap", 0.2m), Price("critic"),
                new { module = "flat-rate", effective_from = "2020-01-01T00:00:00Z", currency = "USD", input = 0, output = 0, subscription = new { per_month = 200, windows } },
            },
            routes = new object[]
            {
                new { alias = "default", modules = new[] { "writer", "flat-rate", "broken" } },
                new { alias = "compared", modules = new[] { "writer" }, shadow = new { module = "cheap", percent = 100, judge = "critic" } },
                new { alias = "unjudged", modules = new[] { "writer" }, shadow = new { module = "cheap", percent = 2.5 } },
            },
        }, Stop);
        answer.IsRefused.ShouldBeFalse(answer.Body?.ToJsonString());
    }

    /// <summary>Looks at a page in both widths and themes.</summary>
    private async Task LookAsync(string path, string name)
    {
        foreach (var width in new[] { 1440, 390 })
        {
            var (page, _) = await browser.SignInAsync(width);
            await page.GotoAsync(path);
            await page.WaitForSelectorAsync("tbody tr");
            foreach (var fold in await page.Locator("td summary").AllAsync())
            {
                await fold.ClickAsync();
            }

            (await page.EvaluateAsync<int>("Math.max(...[...document.querySelectorAll('.table-wrap')].map(w => w.scrollWidth - w.clientWidth))")).ShouldBeLessThanOrEqualTo(0, $"the table of {path} at {width}");
            (await page.EvaluateAsync<int>("document.documentElement.scrollWidth - innerWidth")).ShouldBeLessThanOrEqualTo(0, $"{path} at {width}");
            await page.InBothThemesAsync(async scheme =>
            {
                await page.ShouldBeSoundAsync($"{path} {width} {scheme}");
                if (Environment.GetEnvironmentVariable("CC_SCREENSHOTS") is { Length: > 0 } folder)
                {
                    await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, $"{name}-{width}-{scheme}.png"), FullPage = width < 500 });
                }
            });
            await page.Context.CloseAsync();
        }
    }

    private async Task<HttpResponseMessage> AskAsync(string model)
    {
        using var http = new HttpClient { BaseAddress = browser.Host.Address };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/messages");
        request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(new { model, max_tokens = 100, messages = new[] { new { role = "user", content = "What is the answer?" } } }));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", HostProcess.FounderKey);
        return await http.SendAsync(request, Stop);
    }
}
