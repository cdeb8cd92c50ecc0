using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.TestSupport;

namespace ControlCenter.E2E;

public sealed class FullDiskTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_full_disk_is_said_so_and_refused_with_a_503_and_with_room_again_everything_answered_201_is_there_once()
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 320);
        await using var host = new HostProcess(Path.Combine(disk.Folder, "home"));
        await host.StartAsync(Stop);
        await using var posters = new Posters(host, "disk.test");
        posters.Start(callers: 8, bytes: 20_000);
        await Patience.UntilAsync(() => posters.Taken.Count > 50, Stop);

        disk.Fill();
        await Patience.UntilAsync(async () => await DiskAsync(host) == "failed", Stop);
        await Patience.UntilAsync(() => posters.Refusals.Count > 16, Stop);
        using (var bus = host.Founder)
        {
            var read = await bus.GetAsync("events?limit=1", Stop);
            (read.Status == HttpStatusCode.OK || IsSayingComeBack(read)).ShouldBeTrue(read.ToString());
        }

        disk.MakeRoom();
        var taken = posters.Taken.Count;
        await Patience.UntilAsync(() => posters.Taken.Count > taken + 50, Stop);
        await posters.StopAsync();
        posters.Refusals.ShouldAllBe(r => IsSayingComeBack(r));
        host.IsRunning.ShouldBeTrue(host.Output);
        await posters.ShouldAllBeKeptOnceAsync(Stop);
        await Patience.UntilAsync(async () => await DiskAsync(host) == "healthy", Stop);
        using var http = new HttpClient { BaseAddress = host.Address };
        (await http.GetAsync("/health/ready", Stop)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    /// <summary>What health says of the disk; it answers all through, whatever is full.</summary>
    private static async Task<string> DiskAsync(HostProcess host)
    {
        using var http = new HttpClient { BaseAddress = host.Address };
        var report = JsonNode.Parse(await (await http.GetAsync("/health", Stop)).Content.ReadAsStringAsync(Stop))!;
        return report["services"]!.AsArray().Single(s => s!["name"]!.ToString() == "disk")!["status"]!.ToString();
    }

    private static bool IsSayingComeBack(BusAnswer answer) =>
        answer is { Status: HttpStatusCode.ServiceUnavailable, Code: "database_unavailable", ContentType: "application/problem+json" }
        && answer.Headers.RetryAfter?.Delta > TimeSpan.Zero;
}
