using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using ControlCenter.TestSupport;

namespace ControlCenter.E2E;

/// <summary>Drills that start a bus: as a founder asks for them, of a host that runs from a folder as <c>./run</c> keeps them.</summary>
[Takes(seconds: 95)]
public sealed class RestoreDrillTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Services_an_interrupted_task_and_the_deployment_before_are_proven_on_a_restored_database_and_nothing_is_left()
    {
        var folder = Directory.CreateTempSubdirectory("cc-e2e-drills-").FullName;
        try
        {
            await DeployAsync(Path.Combine(folder, "builds", "before"), new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));
            await DeployAsync(Path.Combine(folder, "builds", "now"), new DateTime(2026, 2, 1, 0, 0, 0, DateTimeKind.Utc));
            await File.WriteAllTextAsync(Path.Combine(folder, "password"), "the repository's own password\n", Stop);
            await using var host = new HostProcess
            {
                Program = Path.Combine(folder, "builds", "now", "ControlCenter.dll"),
                Settings = new Dictionary<string, string> { ["CC_BACKUP_REPOSITORY"] = Path.Combine(folder, "repository"), ["CC_BACKUP_PASSWORD_FILE"] = Path.Combine(folder, "password") },
            };
            await host.StartAsync(Stop);
            await RunAsync(host, "base-backup", "backups", new { reason = "a test" });

            var services = await DrillAsync(host, "services");
            Steps(services).ShouldContain(("scheduler", "passed"));
            Steps(services).ShouldContain(("the API reads and writes", "passed"));
            Steps(services).ShouldContain(("transcripts", "skipped"));
            services["steps"]!.AsArray().Select(s => s!["priority"]?.GetValue<int>()).OfType<int>().ShouldBeInOrder();

            var task = await DrillAsync(host, "interrupted_task");
            Steps(task).ShouldContain(("claim it again, with its checkpoint", "passed"));
            Steps(task).ShouldContain(("refuse whoever had it", "passed"));

            var rollback = await DrillAsync(host, "rollback");
            rollback["steps"]!.AsArray().Select(s => s!["detail"]!.ToString()).ShouldContain("before is ready");

            Directory.GetFileSystemEntries(Path.Combine(host.Home, "recovery", "drills")).ShouldBeEmpty();
            var overview = (await host.Founder.GetAsync("restore-drills/overview", Stop)).Body!;
            overview["causes"]!.AsArray().Single(c => c!["cause"]!.ToString() == "bad_deployment")!["last_drilled_at"].ShouldNotBeNull();
            // What was planted for the drill was planted in the copy: the founder's own list has none of it.
            (await host.Founder.GetAsync("tickets", Stop)).Body!["items"]!.AsArray().ShouldBeEmpty();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<(string Name, string State)> Steps(JsonNode drill) => drill["steps"]!.AsArray().Select(s => (s!["name"]!.ToString(), s["state"]!.ToString()));

    private static async Task<JsonNode> DrillAsync(HostProcess host, string scenario)
    {
        var run = await RunAsync(host, null, "restore-drills", new { scenario });
        var drill = (await host.Founder.GetAsync($"restore-drills?scenario={scenario}", Stop)).Body!["items"]![0]!;
        drill["state"]!.ToString().ShouldBe("passed", drill.ToJsonString());
        (drill["job_run_id"]!.ToString(), drill["executor"]!.ToString(), drill["cleanup_proven"]!.GetValue<bool>()).ShouldBe((run, "founder", true));
        return drill;
    }

    private static async Task<string> RunAsync(HostProcess host, string? job, string path, object request)
    {
        var asked = await host.Founder.PostAsync(path, request, Stop);
        asked.Status.ShouldBe(HttpStatusCode.Accepted, asked.Body?.ToJsonString());
        var runs = $"jobs/{job ?? asked["job"]}/runs/{asked["run_id"]}";
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(TimeSpan.FromMinutes(5));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        JsonNode? story;
        do
        {
            await timer.WaitForNextTickAsync(patience.Token);
            host.IsRunning.ShouldBeTrue(host.Output);
            story = (await host.Founder.GetAsync(runs, patience.Token)).Body;
        }
        while (story?["run"]?["state"]?.ToString() is not ("succeeded" or "failed"));
        story["run"]!["state"]!.ToString().ShouldBe("succeeded", story.ToJsonString());
        return asked["run_id"];
    }

    // As links: what is deployed is the program beside the tests, twice.
    private static async Task DeployAsync(string folder, DateTime at)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        using (var copy = Process.Start("/bin/cp", ["--archive", "--link", AppContext.BaseDirectory.TrimEnd('/'), folder]))
        {
            await copy.WaitForExitAsync(Stop);
            copy.ExitCode.ShouldBe(0);
        }

        Directory.SetLastWriteTimeUtc(folder, at);
    }
}
