using System.Diagnostics;
using ControlCenter.TestSupport;

namespace ControlCenter.E2E;

/// <summary><c>devxio go</c>, <c>devxio mo</c> and <c>devxio host leave</c> as the processes that a founder starts.</summary>
public sealed class SurfacesTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_go_is_the_primary_the_next_waits_and_takes_over_and_a_mo_joins_them_and_leaves()
    {
        var database = await TestCluster.CreateDatabaseAsync(Stop);
        await using var first = new HostProcess(database: database, verb: "go");
        await first.StartAsync(Stop);
        await Patience.UntilAsync(() => first.Output.Contains("This host is the primary (surface go, epoch ", StringComparison.Ordinal), Stop);
        await using var second = new HostProcess(database: database, verb: "go");
        await second.StartAsync(Stop);
        await Patience.UntilAsync(() => second.Output.Contains("this host an observer", StringComparison.Ordinal), Stop);

        var let = await second.Founder.PostAsync("hosts", new { name = "desk", labels = Array.Empty<string>() }, Stop);
        var folder = Path.Combine(second.Home, "desk");
        using var mo = Start(["mo", "--bus", second.Address.ToString(), "--folder", folder], let["key"]);
        var said = mo.StandardOutput.ReadToEndAsync(Stop);
        await Patience.UntilAsync(async () => await StateAsync(second, let["host_id"]) == "online", Stop);

        // What waits takes over, and says with which epoch. That this is within ten seconds is so where the machine keeps up: the lease is of six, and looked at every two.
        var before = (long)(await second.Founder.GetAsync("orchestrator", Stop)).Body!["epoch"]!;
        var startedAt = Stopwatch.GetTimestamp();
        await first.KillAsync();
        await Patience.UntilAsync(async () => (bool)(await second.Founder.GetAsync("orchestrator", Stop)).Body!["this_host"]!, Stop);
        var took = Stopwatch.GetElapsedTime(startedAt);
        TestContext.Current.TestOutputHelper?.WriteLine($"taken over after {took.TotalSeconds:0.0} s");
        took.ShouldBeLessThan(TimeSpan.FromMinutes(1));
        ((long)(await second.Founder.GetAsync("orchestrator", Stop)).Body!["epoch"]!).ShouldBeGreaterThan(before);

        using var leave = Start(["host", "leave", "--folder", folder]);
        var told = leave.StandardOutput.ReadToEndAsync(Stop);
        await leave.WaitForExitAsync(Stop);
        leave.ExitCode.ShouldBe(0, await told);
        (await told).ShouldContain("has left");
        await mo.WaitForExitAsync(Stop);
        (await said).ShouldContain("Joined");
        (await StateAsync(second, let["host_id"])).ShouldBe("left");
        using var again = Start(["host", "leave", "--folder", folder]);
        await again.WaitForExitAsync(Stop);
        again.ExitCode.ShouldNotBe(0);
    }

    private static async Task<string> StateAsync(HostProcess host, string id) => (await host.Founder.GetAsync($"hosts/{id}", Stop)).Body!["host"]!["state"]!.ToString();

    private static Process Start(string[] arguments, string? key = null)
    {
        var info = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ControlCenter.dll"), .. arguments])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        info.Environment.Remove("CC_HOME");
        info.Environment["CC_HOST_KEY"] = key;
        var process = Process.Start(info)!;
        process.BeginErrorReadLine();
        return process;
    }
}
