using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.TestSupport;

namespace ControlCenter.E2E;

[Takes(seconds: 50)]
public sealed class FullDiskTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public Task A_full_disk_is_said_so_and_refused_with_a_503_and_with_room_again_everything_answered_201_is_there_once() =>
        FillsUpAsync(async host =>
        {
            using var bus = host.Founder;
            var read = await bus.GetAsync("events?limit=1", Stop);
            (read.Status == HttpStatusCode.OK || IsSayingComeBack(read)).ShouldBeTrue($"{read.Status} {read.Code}");
        });

    [Fact]
    public Task A_database_that_dies_on_a_full_disk_and_cannot_start_there_is_back_by_itself_once_there_is_room() =>
        FillsUpAsync(async host =>
        {
            await host.EndPostgresAsync(Stop);
            await Patience.UntilAsync(async () => await HealthOfAsync(host, "database") == "failed", Stop);
        });

    /// <summary>Fills a host's disk while callers post, lets something happen there, makes room, and sees that nothing is lost.</summary>
    private static async Task FillsUpAsync(Func<HostProcess, Task> whileFull)
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 320);
        await using var host = new HostProcess(Path.Combine(disk.Folder, "home"));
        await host.StartAsync(Stop);
        await using var posters = new Posters(host, "disk.test");
        posters.Start(callers: 8, bytes: 20_000);
        await Patience.UntilAsync(() => posters.Taken.Count > 50, Stop);

        disk.Fill();
        await Patience.UntilAsync(async () => await HealthOfAsync(host, "disk") == "failed", Stop);
        await Patience.UntilAsync(() => posters.Refusals.Count > 16, Stop);
        await whileFull(host);

        disk.MakeRoom();
        var taken = posters.Taken.Count;
        try
        {
            await Patience.UntilAsync(() => posters.Taken.Count > taken + 50, Stop);
        }
        catch (TimeoutException waited)
        {
            throw new InvalidOperationException($"{posters.Taken.Count - taken} were taken since there is room. The host said:\n{host.Output}", waited);
        }

        await posters.StopAsync();
        posters.Refusals.ShouldAllBe(r => IsSayingComeBack(r));
        host.IsRunning.ShouldBeTrue(host.Output);
        await posters.ShouldAllBeKeptOnceAsync(Stop);
        await Patience.UntilAsync(async () => await HealthOfAsync(host, "disk") == "healthy", Stop);
        using var http = new HttpClient { BaseAddress = host.Address };
        (await http.GetAsync("/health/ready", Stop)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    /// <summary>How a service is said to be; health answers all through, whatever is full.</summary>
    private static async Task<string> HealthOfAsync(HostProcess host, string service)
    {
        using var http = new HttpClient { BaseAddress = host.Address };
        var report = JsonNode.Parse(await (await http.GetAsync("/health", Stop)).Content.ReadAsStringAsync(Stop))!;
        return report["services"]!.AsArray().Single(s => s!["name"]!.ToString() == service)!["status"]!.ToString();
    }

    private static bool IsSayingComeBack(BusAnswer answer) =>
        answer is { Status: HttpStatusCode.ServiceUnavailable, Code: "database_unavailable", ContentType: "application/problem+json" }
        && answer.Headers.RetryAfter?.Delta > TimeSpan.Zero;
}
