using System.Text.Json.Nodes;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Processes;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Runner;

/// <summary>A machine with its bus: what is asked for there runs here.</summary>
[Takes(seconds: 20)]
public sealed class HostRunnerTests(HostFixture fixture) : BusTests(fixture)
{
    private const string Talks = "echo started; while read -r line; do echo \"heard $line\"; [ \"$line\" = bye ] && exit 7; done";

    [Fact]
    public async Task What_is_asked_for_is_started_observed_and_ready_and_its_output_and_its_end_are_told()
    {
        await using var machine = await Machine.JoinAsync(Host, Founder, Stop);
        var runtime = await AskAsync(machine, Talks, message: "how are you");
        var ready = await UntilAsync(runtime, r => r["phase"]!.ToString() == "ready");
        ProcessTable.Find((int)ready["pid"]!).ShouldNotBeNull();
        ready["host"]!.ToString().ShouldBe(machine.Name);
        await SaysAsync(runtime, "heard how are you");
        await InterveneAsync(ready, "message", "bye");
        var ended = await UntilAsync(runtime, r => r["phase"]!.ToString() == "ended");
        ((string)ended["end"]!, (int)ended["exit_code"]!).ShouldBe(("failed", 7));
        await SaysAsync(runtime, "heard bye");
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_told_with_its_reason()
    {
        await using var machine = await Machine.JoinAsync(Host, Founder, Stop);
        var ended = await UntilAsync(await AskAsync(machine, command: ["no-such-program-anywhere"]), r => r["phase"]!.ToString() == "ended");
        ((string)ended["end"]!).ShouldBe("not_started");
        ended["end_detail"]!.ToString().ShouldContain("no-such-program-anywhere");
    }

    [Fact]
    public async Task A_pause_a_resume_and_a_stop_from_the_bus_take_effect_and_say_when()
    {
        await using var machine = await Machine.JoinAsync(Host, Founder, Stop);
        var runtime = await AskAsync(machine, "while :; do echo tick; sleep 0.05; done");
        var ready = await UntilAsync(runtime, r => r["phase"]!.ToString() == "ready");
        await InterveneAsync(ready, "pause");
        await UntilAsync(runtime, r => r["paused_at"] is not null);
        Supervised.IsHeld(runtime).ShouldBeTrue();
        await InterveneAsync(ready, "resume");
        await UntilAsync(runtime, r => r["paused_at"] is null);
        (await Founder.PostAsync($"runtimes/{runtime}/stop", new { }, Stop)).IsRefused.ShouldBeFalse();
        ((string)(await UntilAsync(runtime, r => r["phase"]!.ToString() == "ended"))["end"]!).ShouldBe("stopped");
        IsGone((int)ready["pid"]!).ShouldBeTrue();
        (await Host.SqlAsync<long>($"select count(*) from interventions where agent_id = '{ready["agent_id"]}' and effective_at is null", Stop)).ShouldBe(0);
    }

    [Fact]
    public async Task A_runner_that_is_told_to_stop_ends_its_agents_and_says_so_first()
    {
        await using var machine = await Machine.JoinAsync(Host, Founder, Stop);
        var runtime = await AskAsync(machine, Talks);
        var ready = await UntilAsync(runtime, r => r["phase"]!.ToString() == "ready");
        (await machine.StopAsync()).ShouldBe(RunnerOutcome.Stopped);
        IsGone((int)ready["pid"]!).ShouldBeTrue();
        var ended = await ReadAsync(runtime);
        ((string?)ended["end"]).ShouldBe("stopped");
        ended["end_detail"]!.ToString().ShouldContain("told to stop");
    }

    [Fact]
    public async Task Cut_off_from_the_bus_it_holds_its_agents_still_and_goes_on_when_it_is_back()
    {
        var clock = new TestClock();
        await using var machine = await Machine.JoinAsync(Host, Founder, Stop, Supervised.Quick with { CutOffGrace = TimeSpan.FromMinutes(5) }, time: clock);
        var runtime = await AskAsync(machine, "while :; do echo tick; sleep 0.05; done");
        await UntilAsync(runtime, r => r["phase"]!.ToString() == "ready");
        machine.Cable.Cut();

        // Before the bus may give its work to another, which is after 45 s.
        clock.Advance(TimeSpan.FromSeconds(43));
        await UntilAsync(() => Supervised.IsHeld(runtime));
        machine.Cable.Mend();
        await UntilAsync(() => Supervised.ProcessesOf(runtime) is { Count: > 0 } all && !all.Any(p => p.IsStopped));
        (await ReadAsync(runtime))["phase"]!.ToString().ShouldBe("ready");
    }

    [Fact]
    public async Task Cut_off_for_longer_it_ends_them()
    {
        var clock = new TestClock();
        await using var machine = await Machine.JoinAsync(Host, Founder, Stop, time: clock);
        var runtime = await AskAsync(machine, "while :; do sleep 0.05; done");
        var pid = (int)(await UntilAsync(runtime, r => r["phase"]!.ToString() == "ready"))["pid"]!;
        machine.Cable.Cut();
        clock.Advance(TimeSpan.FromSeconds(80));
        await UntilAsync(() => IsGone(pid));
        machine.Cable.Mend();
        var ended = await UntilAsync(runtime, r => r["phase"]!.ToString() == "ended");
        ((string)ended["end"]!).ShouldBe("lost");
        ended["end_detail"]!.ToString().ShouldContain("could not reach the bus");
    }

    [Fact]
    public async Task What_the_bus_no_longer_names_is_ended()
    {
        await using var machine = await Machine.JoinAsync(Host, Founder, Stop);
        var runtime = await AskAsync(machine, Talks);
        var pid = (int)(await UntilAsync(runtime, r => r["phase"]!.ToString() == "ready"))["pid"]!;
        await Host.SqlAsync<int>($"with e as (update runtimes set phase = 'ended', ended_at = now(), end_kind = 'lost' where id = '{runtime}' returning 1) select count(*)::int from e", Stop);
        await UntilAsync(() => IsGone(pid));
    }

    [Fact]
    public async Task A_key_that_is_not_in_force_is_refused()
    {
        await using var machine = await Machine.JoinAsync(Host, Founder, Stop);
        await machine.StopAsync();
        using var bus = new Runtime.Runner.Bus.BusConnection(Host.Address, () => "cck_not-a-key");
        var folder = Directory.CreateTempSubdirectory("cc-refused-");
        var runner = new HostRunner(
            Supervised.Quick with { Folder = folder.FullName }, RunnerParts.Standard, bus, new HostFacts("0"),
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, TimeProvider.System);
        (await runner.RunAsync(new RunnerEnding(Stop))).ShouldBe(RunnerOutcome.Refused);
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task What_was_given_up_while_its_answer_was_on_the_way_is_not_typed_any_more()
    {
        var clock = new TestClock();
        await using var machine = await Machine.JoinAsync(Host, Founder, Stop, time: clock);
        var runtime = await AskAsync(machine, Talks);
        await UntilAsync(runtime, r => r["phase"]!.ToString() == "ready");
        var control = (await Founder.PostAsync($"runtimes/{runtime}/control", new { }, Stop))["control_id"];
        var held = machine.Cable.HoldBackAsync("the first try");
        await TypeAsync("the first try");
        await held.WaitAsync(Stop);

        // The machine sleeps: only the clock on its wall tells that it did.
        await Host.SqlAsync<int>($"with e as (update runtime_inputs set requested_at = requested_at - interval '20 s' where runtime_id = '{runtime}' returning 1) select count(*)::int from e", Stop);
        await Work.LeaseTests.Eventually(async () => await Host.SqlAsync<string>($"select state from runtime_inputs where runtime_id = '{runtime}'", Stop) == "lost");
        clock.Offset = TimeSpan.FromSeconds(20);
        machine.Cable.Pass();
        await TypeAsync("the second try");
        await SaysAsync(runtime, "heard the second try");
        (await Founder.GetAsync($"runtimes/{runtime}/output", Stop)).Body!.ToJsonString().ShouldNotContain("the first try");

        async Task TypeAsync(string text) => (await Founder.PostAsync($"runtimes/{runtime}/input", new { control_id = control, text }, Stop)).IsRefused.ShouldBeFalse();
    }

    // One that nobody has buried yet is gone too.
    private static bool IsGone(int pid) => ProcessTable.Find(pid) is null or { HasEnded: true };

    private async Task<string> AskAsync(Machine machine, string script, string? message = null) =>
        await AskAsync(machine, ["sh", "-c", script], message);

    private async Task<string> AskAsync(Machine machine, string[] command, string? message = null)
    {
        var definition = $"agent-{Guid.NewGuid():N}";
        var saved = await Founder.SendAsync(
            HttpMethod.Put, $"agent-definitions/{definition}",
            System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new { name = definition, adapter = "process", command, host_labels = new[] { machine.Name } }), null, Stop);
        saved.IsRefused.ShouldBeFalse(saved.Body?.ToJsonString());
        var asked = await Founder.PostAsync("runtimes", new { definition, message }, Stop);
        asked.IsRefused.ShouldBeFalse(asked.Body?.ToJsonString());
        return asked["runtime_id"];
    }

    private async Task InterveneAsync(JsonNode runtime, string kind, string? text = null)
    {
        var answer = await Founder.PostAsync($"agents/{runtime["agent_id"]}/interventions", new { kind, text }, Stop);
        answer.IsRefused.ShouldBeFalse(answer.Body?.ToJsonString());
    }

    private async Task<JsonNode> ReadAsync(string runtime) => (await Founder.GetAsync($"runtimes/{runtime}", Stop)).Body!["runtime"]!;

    private async Task<JsonNode> UntilAsync(string runtime, Func<JsonNode, bool> isSo)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        JsonNode? seen = null;
        try
        {
            while (!isSo(seen = await ReadAsync(runtime)))
            {
                await timer.WaitForNextTickAsync(Stop);
            }
        }
        catch (OperationCanceledException fault)
        {
            throw new TimeoutException($"It stayed so: {seen?.ToJsonString()}", fault);
        }

        return seen;
    }

    private async Task UntilAsync(Func<bool> isSo)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!isSo())
        {
            await timer.WaitForNextTickAsync(Stop);
        }
    }

    private async Task SaysAsync(string runtime, string text)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!(await Founder.GetAsync($"runtimes/{runtime}/output", Stop)).Body!.ToJsonString().Contains(text, StringComparison.Ordinal))
        {
            await timer.WaitForNextTickAsync(Stop);
        }
    }
}
