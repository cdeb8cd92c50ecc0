using System.Globalization;
using ControlCenter.BrowserLoad;

// BrowserLoad URL KEY dom SECONDS RATE    posts events at that rate to a page that shows them; prints p50 and p95 of write → visible in ms
// BrowserLoad URL KEY page PATH TIMES     goes to a page and away again; prints p95 of click → its content in ms
// BrowserLoad URL KEY dashboards COUNT    opens so many Overviews, says "open", and closes them when its standard input ends
await using var browser = await FounderBrowser.StartAsync(new Uri(args[0]), args[1]);
var numbers = Array.ConvertAll(args[3..].Where(a => a[0] != '/').ToArray(), n => int.Parse(n, CultureInfo.InvariantCulture));
switch (args[2])
{
    case "dom":
        var delays = await new VisibleDelays(browser, new Uri(args[0]), args[1]).MeasureAsync(numbers[0], numbers[1]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{delays[delays.Length / 2]:0} {delays[(int)(delays.Length * 0.95)]:0}"));
        break;
    case "page":
        Console.WriteLine((await new PageOpenings(browser).MeasureAsync(args[3], numbers[0])).ToString("0.0", CultureInfo.InvariantCulture));
        break;
    case "dashboards":
        for (var i = 0; i < numbers[0]; i++)
        {
            await browser.OpenAsync("/", ".stats");
        }

        Console.WriteLine("open");
        await Console.In.ReadToEndAsync();
        break;
    default:
        throw new InvalidOperationException($"There is no '{args[2]}' here.");
}
