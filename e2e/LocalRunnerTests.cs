using System.Globalization;
using System.Text.Json;
using ControlCenter.Runtime.Runner.Processes;
using ControlCenter.TestSupport;

namespace ControlCenter.E2E;

/// <summary>The bus runs agents on its own machine: in a process of their own, which outlives a bus that dies and ends with one that is told to stop.</summary>
[Takes(seconds: 40)]
public sealed class LocalRunnerTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_agent_outlives_a_bus_that_is_killed_and_ends_with_one_that_is_told_to_stop()
    {
        await using var host = new HostProcess(localRunner: true);
        await host.StartAsync(Stop);
        var runtime = await AskAsync(host.Founder, "n=0; while :; do echo line $n; n=$((n+1)); sleep 0.1; done");
        var pid = await UntilReadyAsync(host.Founder, runtime);
        var agent = ProcessIdentity.Of(pid)!.Value;

        await host.KillAsync();
        agent.IsAlive.ShouldBeTrue();
        await host.StartAsync(Stop);
        var before = (await host.Founder.GetAsync($"runtimes/{runtime}/output?limit=1", Stop)).Body!["lines"]!.GetValue<long>();
        await UntilAsync(async () => (await host.Founder.GetAsync($"runtimes/{runtime}/output?limit=1", Stop)).Body!["lines"]!.GetValue<long>() > before + 20);
        (await UntilReadyAsync(host.Founder, runtime)).ShouldBe(pid);
        agent.IsAlive.ShouldBeTrue();

        var (code, took) = await host.TerminateAsync(Stop);
        (code, agent.IsAlive, host.LeavesPostgresBehind()).ShouldBe((0, false, false), host.Output);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_runner_that_is_killed_is_started_again_and_takes_its_agent_up()
    {
        await using var host = new HostProcess(localRunner: true);
        await host.StartAsync(Stop);
        var runtime = await AskAsync(host.Founder, "while :; do echo tick; sleep 0.1; done");
        var pid = await UntilReadyAsync(host.Founder, runtime);
        var runner = int.Parse((await File.ReadAllTextAsync(Path.Combine(host.Home, "runner/runner.pid"), Stop)).Split(' ')[0], CultureInfo.InvariantCulture);
        using (var process = System.Diagnostics.Process.GetProcessById(runner))
        {
            process.Kill();
        }

        var lines = (await host.Founder.GetAsync($"runtimes/{runtime}/output?limit=1", Stop)).Body!["lines"]!.GetValue<long>();
        await UntilAsync(async () => (await host.Founder.GetAsync($"runtimes/{runtime}/output?limit=1", Stop)).Body!["lines"]!.GetValue<long>() > lines + 20);
        (await UntilReadyAsync(host.Founder, runtime)).ShouldBe(pid);
    }

    private static async Task<string> AskAsync(BusClient founder, string script)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new { name = "talker", adapter = "process", command = new[] { "sh", "-c", script } });
        (await founder.SendAsync(HttpMethod.Put, "agent-definitions/talker", body, null, Stop)).IsRefused.ShouldBeFalse();
        var asked = await founder.PostAsync("runtimes", new { definition = "talker" }, Stop);
        asked.IsRefused.ShouldBeFalse(asked.Body?.ToJsonString());
        return asked["runtime_id"];
    }

    private static async Task<int> UntilReadyAsync(BusClient founder, string runtime)
    {
        var pid = 0;
        await UntilAsync(async () =>
        {
            var view = (await founder.GetAsync($"runtimes/{runtime}", Stop)).Body!["runtime"]!;
            view["phase"]!.ToString().ShouldNotBe("ended", view.ToJsonString());
            pid = view["pid"]?.GetValue<int>() ?? 0;
            return view["phase"]!.ToString() == "ready";
        });
        return pid;
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!await isSo())
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }
}
