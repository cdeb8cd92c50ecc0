using System.Text.Json;
using Deque.AxeCore.Commons;
using Microsoft.Playwright;

namespace ControlCenter.E2E;

/// <summary>What axe finds on a page as it stands.</summary>
/// <remarks>
/// By axe's own script and not by its wrapper for Playwright, which opens a browser of its own for each run and carries over
/// all that is well too: that took several times as long as the judging itself.
/// </remarks>
internal static class Soundness
{
    private const string Judge =
        """
        async () => JSON.stringify((await axe.run({ resultTypes: ["violations"] })).violations
          .filter((v) => v.impact === "serious" || v.impact === "critical")
          .map((v) => `${v.id} ${v.nodes.map((n) => n.html).join(" | ")}`))
        """;

    private static readonly string Axe = new BundledAxeScriptProvider().GetScript();

    /// <summary>Nothing on it keeps anybody from using it: no finding is serious or critical.</summary>
    public static async Task ShouldBeSoundAsync(this IPage page, string where) => (await FindAsync(page)).ShouldBeEmpty(where);

    /// <summary>What is serious or critical, with the markup that it is about.</summary>
    public static async Task<string[]> FindAsync(IPage page)
    {
        if (!await page.EvaluateAsync<bool>("typeof axe === 'object'"))
        {
            await page.EvaluateAsync($"() => {{ {Axe} }}");
        }

        return JsonSerializer.Deserialize<string[]>(await page.EvaluateAsync<string>(Judge))!;
    }

    /// <summary>Looks at a page as it stands in one theme and then in the other, as somebody does whose machine changes it at dusk.</summary>
    public static async Task InBothThemesAsync(this IPage page, Func<ColorScheme, Task> look)
    {
        foreach (var scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = scheme });
            await look(scheme);
        }
    }
}
