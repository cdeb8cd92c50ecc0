using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace ControlCenter.E2E;

public sealed class PhoneTests(Browser browser) : IClassFixture<Browser>
{
    // What a thumb hits without looking (WCAG 2.5.5).
    private const float Thumb = 44;

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task Four_places_are_under_the_thumb_and_the_others_behind_more(ColorScheme scheme)
    {
        var (page, complaints) = await browser.SignInAsync(390, scheme);
        var bar = page.Locator(".nav > .nav-link:visible");
        await Expect(bar).ToHaveTextAsync(["Overview", "Escalations", "Work", "Agents", "More"]);
        (await page.EvaluateAsync<int>("(n => n.scrollWidth - n.clientWidth)(document.querySelector('.nav'))")).ShouldBeLessThanOrEqualTo(0, "nothing is to be pushed along");
        await ShouldFitAThumbAsync(bar);

        var more = page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "More", Exact = true });
        await more.FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        var sheet = page.GetByRole(AriaRole.Dialog, new PageGetByRoleOptions { Name = "More" });
        await Expect(sheet).ToBeVisibleAsync();
        await Expect(sheet.GetByRole(AriaRole.Link)).ToHaveTextAsync(["Runtimes", "Sessions", "Hosts", "Modules", "Costs", "Budgets", "Recovery", "Jobs", "Events", "Access"]);
        await ShouldFitAThumbAsync(sheet.GetByRole(AriaRole.Link));
        await page.ShouldBeSoundAsync($"the sheet, {scheme}");

        await page.Keyboard.PressAsync("Escape");
        await Expect(sheet).ToBeHiddenAsync();
        await Expect(more).ToBeFocusedAsync();

        await more.ClickAsync();
        await sheet.GetByRole(AriaRole.Link, new LocatorGetByRoleOptions { Name = "Costs" }).ClickAsync();
        await Expect(page.Locator("h1")).ToHaveTextAsync("Costs");
        await Expect(sheet).ToBeHiddenAsync();
        await more.ClickAsync();
        await Expect(sheet.Locator("[aria-current=page]")).ToHaveTextAsync("Costs");
        complaints.ShouldBeEmpty();
        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task The_bar_stays_where_it_is_while_pages_come_and_go()
    {
        var (page, _) = await browser.SignInAsync(390);
        var place = await page.EvaluateAsync<double>("document.querySelector('.nav').getBoundingClientRect().top");
        foreach (var name in new[] { "Work", "Agents", "Escalations", "Overview" })
        {
            await page.Locator(".nav > a.nav-link:visible", new PageLocatorOptions { HasText = name }).ClickAsync();
            await Expect(page.Locator("h1")).ToHaveTextAsync(name);
            (await page.EvaluateAsync<double>("document.querySelector('.nav').getBoundingClientRect().top")).ShouldBe(place, name);
        }

        await page.Context.CloseAsync();
    }

    [Fact]
    public async Task A_wide_screen_has_all_places_beside_the_page_and_no_more()
    {
        var (page, _) = await browser.SignInAsync();
        await Expect(page.Locator(".nav > a.nav-link:visible")).ToHaveCountAsync(Dashboard.Layout.NavPage.All.Count);
        await Expect(page.Locator(".nav-more")).ToBeHiddenAsync();

        // Both at once: the first counts for a second, which a busy machine may take between the two.
        await page.EvaluateAsync("() => { for (const key of ['g', 'b']) document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })); }");
        await Expect(page.Locator("h1")).ToHaveTextAsync("Budgets");
        await page.Context.CloseAsync();
    }

    private static async Task ShouldFitAThumbAsync(ILocator targets)
    {
        foreach (var target in await targets.AllAsync())
        {
            var box = (await target.BoundingBoxAsync()).ShouldNotBeNull();
            (Math.Ceiling(box.Height) >= Thumb && Math.Ceiling(box.Width) >= Thumb).ShouldBeTrue($"{await target.InnerTextAsync()}: {box.Width} × {box.Height}");
        }
    }
}
