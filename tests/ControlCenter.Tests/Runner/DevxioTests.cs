using System.Diagnostics;
using ControlCenter.CommandLine;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Tests.Runner;

/// <summary>The command line as a process: what it says, and how it ends.</summary>
public sealed class DevxioTests(HostFixture fixture) : BusTests(fixture)
{
    [Theory]
    [InlineData(ExitCode.Usage, "host", "joyn")]
    [InlineData(ExitCode.Usage, "host", "join", "--bus", "nowhere")]
    [InlineData(ExitCode.Ok, "--help")]
    [InlineData(ExitCode.Ok, "host", "join", "--help")]
    public async Task What_is_asked_for_wrongly_is_said_and_told_apart_by_the_exit_code(int expected, params string[] arguments)
    {
        using var said = new StringWriter();
        (await Devxio.RunAsync(arguments, said, said)).ShouldBe(expected, said.ToString());
        said.ToString().ShouldNotBeEmpty();
    }

    [Fact]
    public async Task The_help_names_every_verb_but_the_one_that_is_the_bus_s_own()
    {
        using var said = new StringWriter();
        await Devxio.RunAsync(["--help"], said, said);
        foreach (var verb in new[] { "host", "go", "mo" })
        {
            said.ToString().ShouldContain($"  {verb} ");
        }

        using var about = new StringWriter();
        await Devxio.RunAsync(["host", "--help"], about, about);
        about.ToString().ShouldContain("join");
        about.ToString().ShouldContain("leave");
        about.ToString().ShouldNotContain("Started by the bus");
    }

    [Fact]
    public async Task A_runner_that_is_killed_and_started_again_finds_its_agent_and_misses_nothing()
    {
        var name = $"joined-{Guid.NewGuid():N}";
        var let = await Founder.PostAsync("hosts", new { name, labels = new[] { name } }, Stop);
        var folder = Directory.CreateTempSubdirectory("cc-joined-").FullName;
        var runner = Join(folder, let["key"]);
        try
        {
            await SaysAsync(runner, "Joined");
            // Silent when its runner is killed: what that has read and not yet written is lost with it, which takes microseconds or, of a busy machine, longer.
            var gate = Path.Combine(folder, "gate");
            var runtime = await AskAsync(
                name,
                $"n=0; say() {{ echo line $n; n=$((n+1)); }}; while [ $n -lt 30 ]; do say; done; until [ -e {gate} ]; do sleep 0.02; done; while :; do say; sleep 0.02; done");
            var pid = await UntilReadyAsync(runtime);
            await LinesAsync(runtime, atLeast: 30);
            runner.Process.Kill();
            await runner.Process.WaitForExitAsync(Stop);
            ProcessTable.Find(pid).ShouldNotBeNull();
            await File.WriteAllTextAsync(gate, "", Stop);

            runner = Join(folder, let["key"]);
            await SaysAsync(runner, "Joined");
            (await UntilReadyAsync(runtime)).ShouldBe(pid);
            var lines = await LinesAsync(runtime, atLeast: 200);
            lines.ShouldBe(Enumerable.Range(0, lines.Count).Select(n => $"line {n}"));

            // Another one on the same folder is told so; told to stop, the first ends its agent.
            var second = Join(folder, let["key"]);
            await second.Process.WaitForExitAsync(Stop);
            second.Process.ExitCode.ShouldBe(ExitCode.TryLater, second.Said.ToString());
            RunnerSignals.Terminate(ProcessIdentity.Of(runner.Process.Id)!.Value).ShouldBeTrue();
            await runner.Process.WaitForExitAsync(Stop);
            runner.Process.ExitCode.ShouldBe(ExitCode.Ok, runner.Said.ToString());
            (ProcessTable.Find(pid)?.HasEnded ?? true).ShouldBeTrue();
            (await Founder.GetAsync($"runtimes/{runtime}", Stop)).Body!["runtime"]!["end"]!.ToString().ShouldBe("stopped");
            (await Founder.GetAsync("hosts?limit=200", Stop)).Body!["items"]!.AsArray().Single(h => h!["name"]!.ToString() == name)!["state"]!.ToString().ShouldBe("left");
        }
        finally
        {
            if (!runner.Process.HasExited)
            {
                runner.Process.Kill();
            }

            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_key_that_opens_nothing_is_said_and_ends_it()
    {
        var folder = Directory.CreateTempSubdirectory("cc-joined-").FullName;
        var runner = Join(folder, "cck_not-a-key");
        await runner.Process.WaitForExitAsync(Stop);
        runner.Process.ExitCode.ShouldBe(ExitCode.NoPermission, runner.Said.ToString());
        await SaysAsync(runner, "Refused");
        Directory.Delete(folder, recursive: true);
    }

    private (Process Process, System.Text.StringBuilder Said) Join(string folder, string key)
    {
        var info = new ProcessStartInfo(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "ControlCenter.dll"), "host", "join", "--bus", Host.Address.ToString(), "--folder", folder])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        info.Environment[HostVerbs.KeyVariable] = key;
        var process = Process.Start(info)!;
        var said = new System.Text.StringBuilder();
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return (process, said);

        void Append(string? line)
        {
            lock (said)
            {
                said.AppendLine(line);
            }
        }
    }

    private async Task SaysAsync((Process Process, System.Text.StringBuilder Said) runner, string text)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            var said = runner.Said;
            lock (said)
            {
                if (runner.Said.ToString().Contains(text, StringComparison.Ordinal))
                {
                    return;
                }
            }

            await timer.WaitForNextTickAsync(Stop);
        }
    }

    private async Task<string> AskAsync(string label, string script)
    {
        var definition = $"agent-{Guid.NewGuid():N}";
        await Founder.SendAsync(
            HttpMethod.Put, $"agent-definitions/{definition}",
            System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(
                new { name = definition, adapter = "process", command = new[] { "sh", "-c", script }, host_labels = new[] { label } }), null, Stop);
        return (await Founder.PostAsync("runtimes", new { definition }, Stop))["runtime_id"];
    }

    private async Task<int> UntilReadyAsync(string runtime)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            var view = (await Founder.GetAsync($"runtimes/{runtime}", Stop)).Body!["runtime"]!;
            view["phase"]!.ToString().ShouldNotBe("ended", view.ToJsonString());
            if (view["phase"]!.ToString() == "ready")
            {
                return (int)view["pid"]!;
            }

            await timer.WaitForNextTickAsync(Stop);
        }
    }

    private async Task<List<string>> LinesAsync(string runtime, int atLeast)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (true)
        {
            var lines = (await Founder.GetAsync($"runtimes/{runtime}/output?limit=1000", Stop)).Body!["items"]!.AsArray()
                .Where(l => l!["source"]!.ToString() == "out").Select(l => l!["text"]!.ToString()).ToList();
            if (lines.Count >= atLeast)
            {
                return lines;
            }

            await timer.WaitForNextTickAsync(Stop);
        }
    }
}
