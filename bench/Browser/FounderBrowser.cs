using Microsoft.Playwright;

namespace ControlCenter.BrowserLoad;

/// <summary>A Chromium in which the founder is signed in.</summary>
internal sealed class FounderBrowser : IAsyncDisposable
{
    private readonly IPlaywright _playwright;
    private readonly IBrowserContext _context;

    private FounderBrowser(IPlaywright playwright, IBrowserContext context) => (_playwright, _context) = (playwright, context);

    public static async Task<FounderBrowser> StartAsync(Uri address, string key)
    {
        var playwright = await Playwright.CreateAsync();
        var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = "/usr/bin/chromium", Args = ["--no-sandbox", "--disable-background-networking"] });
        var context = await browser.NewContextAsync(new BrowserNewContextOptions { BaseURL = address.ToString(), ViewportSize = new ViewportSize { Width = 1440, Height = 900 } });
        context.SetDefaultTimeout(120_000);
        var page = await context.NewPageAsync();
        await page.GotoAsync("/");
        await page.FillAsync("input[name=key]", key);
        await page.ClickAsync("button[type=submit]");
        await page.WaitForSelectorAsync(".stats");
        await page.CloseAsync();
        return new FounderBrowser(playwright, context);
    }

    /// <summary>Opens a page and waits until its circuit is up and <paramref name="shown"/> is there.</summary>
    public async Task<IPage> OpenAsync(string path, string shown)
    {
        var page = await _context.NewPageAsync();
        await page.GotoAsync(path);
        await page.WaitForSelectorAsync(shown);
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        await _context.Browser!.CloseAsync();
        _playwright.Dispose();
    }
}
