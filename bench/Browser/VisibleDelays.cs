using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace ControlCenter.BrowserLoad;

/// <summary>How long it takes from the moment before an event is posted until a page has it in its DOM.</summary>
internal sealed class VisibleDelays(FounderBrowser browser, Uri address, string key)
{
    // Both ends run on one machine and so by one clock. An event is told by its place in the log.
    private const string Watch =
        """
        () => {
            window.seen = {};
            const note = () => document.querySelectorAll('#event-list [data-seq]').forEach(e => window.seen[e.dataset.seq] ??= Date.now());
            note();
            new MutationObserver(note).observe(document.body, { childList: true, subtree: true, attributes: true });
        }
        """;

    public async Task<double[]> MeasureAsync(int seconds, int rate)
    {
        using var http = new HttpClient { BaseAddress = new Uri(address, "/api/v1/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        var page = await browser.OpenAsync("/events", "#event-list");
        await page.EvaluateAsync(Watch);

        // The first of them are the page's and the host's warming up.
        await PostAsync(http, rate * 3, rate);
        var written = await PostAsync(http, seconds * rate, rate);
        await page.WaitForFunctionAsync("seq => window.seen[seq]", written.Keys.Max());
        var seen = await page.EvaluateAsync<JsonElement>("() => window.seen");
        return [.. written.Select(w => (Seen: seen.TryGetProperty(w.Key.ToString(CultureInfo.InvariantCulture), out var at) ? at.GetDouble() : double.PositiveInfinity, Written: w.Value))
            .Select(m => m.Seen - m.Written).Order()];
    }

    private static async Task<Dictionary<long, double>> PostAsync(HttpClient http, int count, int rate)
    {
        var written = new Dictionary<long, double>();
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / rate));
        for (var n = 0; n < count; n++)
        {
            await timer.WaitForNextTickAsync();
            var at = (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalMilliseconds;
            using var body = new StringContent("""{"kind":"bench.dom"}""", Encoding.UTF8, "application/json");
            using var answer = await http.PostAsync(new Uri("events", UriKind.Relative), body);
            answer.EnsureSuccessStatusCode();
            written[JsonElement.Parse(await answer.Content.ReadAsStringAsync()).GetProperty("first_seq").GetInt64()] = at;
        }

        return written;
    }
}
