using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json;
using ControlCenter.Hosting;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.CommandLine;

/// <summary><c>go</c> and <c>mo</c>: the surfaces of one orchestrator (OR-03).</summary>
internal static class SurfaceVerbs
{
    public static Command Go { get; } = Starting();

    public static Command Mo { get; } = Joining();

    private static Command Starting()
    {
        var command = new Command("go", "Starts the bus as the surface 'go': it becomes the primary, or waits as an observer and takes over when there is none.");
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var settings = HostSettings.Read(Environment.GetEnvironmentVariable) with { Surface = "go" };
            using var told = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var telling = TellAsync(settings, parsed.InvocationConfiguration.Output, told.Token);
            try
            {
                return await ControlCenterHost.RunAsync(settings, cancellationToken);
            }
            finally
            {
                await told.CancelAsync();
                await telling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        });
        return command;
    }

    private static Command Joining()
    {
        var command = new Command("mo", "Joins a bus from this machine as the local surface 'mo': its agents run here, and the primary decides.")
        {
            HostVerbs.Bus, HostVerbs.Key, HostVerbs.KeyFile, HostVerbs.Folder,
        };
        command.SetAction(parsed => HostVerbs.Join(parsed, "mo", labels: null));
        return command;
    }

    /// <summary>Says who is the primary, by which lease, and what was found in flight, as soon as the bus knows.</summary>
    private static async Task TellAsync(HostSettings settings, TextWriter output, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = new Uri(LocalRunner.Reachable(settings.Listen), "/api/v1/") };
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(0.5));
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            // The first start makes the key, so it is looked for each time.
            var key = settings.FounderKey ?? (File.Exists(FounderKeyFile(settings)) ? await File.ReadAllTextAsync(FounderKeyFile(settings), cancellationToken) : null);
            http.DefaultRequestHeaders.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key.Trim());
            try
            {
                using var answer = await http.GetAsync("orchestrator", cancellationToken);
                if (!answer.IsSuccessStatusCode)
                {
                    await output.WriteLineAsync($"Who is the primary is told to the founder only; the key in force is neither in CC_FOUNDER_KEY nor in {FounderKeyFile(settings)}.");
                    return;
                }

                var standing = await answer.Content.ReadFromJsonAsync<JsonElement>(WireJson.Options, cancellationToken);
                if (standing.GetProperty("primary").ValueKind != JsonValueKind.Null)
                {
                    await output.WriteLineAsync(InWords(standing));
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }
        }
    }

    internal static string InWords(JsonElement standing)
    {
        var isOurs = standing.GetProperty("this_host").GetBoolean();
        var role = isOurs ? "This host is the primary" : $"{standing.GetProperty("primary")} is the primary and this host an observer, which takes over when it falls silent";
        var waiting = standing.GetProperty("waiting_tasks").GetArrayLength();
        return $"{role} (surface {standing.GetProperty("surface")}, epoch {standing.GetProperty("epoch")}, since {standing.GetProperty("since")}, lease until {standing.GetProperty("expires_at")}). "
            + (waiting == 0 ? "No task waits for somebody." : $"{waiting} tasks wait for somebody.");
    }

    private static string FounderKeyFile(HostSettings settings) => Path.Combine(settings.Home, "founder.key");
}
