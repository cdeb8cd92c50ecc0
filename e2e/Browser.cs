using Microsoft.Playwright;

namespace ControlCenter.E2E;

/// <summary>A host and a browser for the tests of one class.</summary>
public class Browser : IAsyncLifetime
{
    private static readonly string[] Arguments = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

    private IPlaywright _playwright = null!;
    private IBrowser _browser = null!;

    public HostProcess Host { get; }

    public Browser()
        : this(new HostProcess())
    {
    }

    /// <summary>One of a host that is not as all are.</summary>
    protected Browser(HostProcess host) => Host = host;

    public virtual async ValueTask InitializeAsync()
    {
        await Host.StartAsync(CancellationToken.None);

        // How fast a page is, tests of their own measure: what waits for it elsewhere is patient with a busy machine.
        Assertions.SetDefaultExpectTimeout(45_000);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions { ExecutablePath = "/usr/bin/chromium", Args = Arguments });
    }

    /// <summary>A signed-in page, the founder's unless another key is given, and everything that its console complains of.</summary>
    public async Task<(IPage Page, List<string> Complaints)> SignInAsync(int width = 1440, ColorScheme scheme = ColorScheme.Light, string key = HostProcess.FounderKey)
    {
        var context = await _browser.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = Host.Address.ToString(),
            ViewportSize = new ViewportSize { Width = width, Height = width < 500 ? 844 : 900 },
            ColorScheme = scheme,
        });
        var page = await context.NewPageAsync();
        var complaints = new List<string>();
        page.Console += (_, message) =>
        {
            if (message.Type == "error")
            {
                complaints.Add(message.Text);
            }
        };
        page.PageError += (_, error) => complaints.Add(error);
        await page.GotoAsync("/");
        await page.FillAsync("input[name=key]", key);
        await page.ClickAsync("button[type=submit]");
        await page.WaitForSelectorAsync(".stats");
        return (page, complaints);
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _browser.DisposeAsync();
        _playwright.Dispose();
        await Host.DisposeAsync();
    }
}
