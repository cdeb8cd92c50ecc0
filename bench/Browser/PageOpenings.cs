namespace ControlCenter.BrowserLoad;

/// <summary>How long it takes from the click on a page's link to its content, which the server reads and renders in between.</summary>
internal sealed class PageOpenings(FounderBrowser browser)
{
    // In the browser itself, so that the driver's own round trips do not count. What loads shows a placeholder or nothing.
    private const string Open =
        """
        path => new Promise(done => {
            const ready = () => document.querySelector('h1') && location.pathname + location.search === path && !document.querySelector('[aria-busy=true]')
                && document.querySelector('.stats, .list li, .table tbody tr, .queue li, .queue a, .empty');
            const began = performance.now();
            const look = new MutationObserver(() => { if (ready()) { look.disconnect(); done(performance.now() - began); } });
            look.observe(document.body, { childList: true, subtree: true, attributes: true, characterData: true });
            const link = document.querySelector(`nav a[href="${path}"]`) ?? document.body.appendChild(Object.assign(document.createElement('a'), { href: path }));
            link.click();
        })
        """;

    /// <summary>The 95th percentile in ms.</summary>
    public async Task<double> MeasureAsync(string path, int times)
    {
        var elsewhere = path == "/access" ? "/" : "/access";
        var page = await browser.OpenAsync(elsewhere, "h1");
        var spent = new List<double>();
        for (var n = 0; n < times; n++)
        {
            spent.Add(await page.EvaluateAsync<double>(Open, path));
            await page.EvaluateAsync<double>(Open, elsewhere);
        }

        return spent.Order().ElementAt((int)(times * 0.95) - 1);
    }
}
