using System.Diagnostics;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Execution;
using ControlCenter.E2E;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;
using ControlCenter.Runtime.Runner.Workspaces;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Runner;

/// <summary>Agents that misbehave, and runners that die.</summary>
[Takes(seconds: 20)]
public sealed class SupervisionTests : IAsyncDisposable
{
    private readonly Supervised _agents = new();

    public ValueTask DisposeAsync() => _agents.DisposeAsync();

    [Fact]
    public async Task A_program_that_is_not_there_is_told_as_such()
    {
        var ended = await _agents.EndedAsync(await _agents.StartAsync(Supervised.Command("no-such-program-anywhere")));
        ended.End.ShouldBe(RuntimeEnd.NotStarted);
        ended.Detail!.ShouldContain("no-such-program-anywhere");
        ended.Pid.ShouldBeNull();
    }

    [Fact]
    public async Task One_that_ends_at_once_is_seen_with_its_output_and_its_code()
    {
        var run = await _agents.StartAsync(Supervised.Script("echo so short; exit 3"));
        var ended = await _agents.EndedAsync(run);
        (ended.End, ended.ExitCode).ShouldBe((RuntimeEnd.Failed, 3));
        Supervised.Said(run).ShouldContain("Out: so short");
    }

    [Fact]
    public async Task One_that_fills_its_workspace_beyond_its_limit_is_ended_with_the_reason()
    {
        var run = await _agents.StartAsync(Supervised.Script("head -c 3000000 /dev/zero >big; echo full; sleep 60") with { Limits = new AgentLimits(DiskMb: 2) });
        var ended = await _agents.EndedAsync(run);
        ended.End.ShouldBe(RuntimeEnd.LimitExceeded);
        ended.Detail!.ShouldContain("in its workspace; its limit is 2 MB");
    }

    [Fact]
    public async Task Hooks_run_around_it_in_its_workspace_and_say_how_long_they_took()
    {
        var proof = Path.Combine(_agents.Home, "proof");
        var run = await _agents.StartAsync(Supervised.Script("cat made; echo left >left") with
        {
            Hooks =
            [
                new AgentHook(AgentHook.Start, ["sh", "-c", "echo \"made for $CC_RUNTIME_ID\" >made; echo preparing"]),
                new AgentHook(AgentHook.Start, ["false"], Required: false),
                new AgentHook(AgentHook.End, ["sh", "-c", $"cp left {proof}; echo \"$CC_RUNTIME_END $CC_EXIT_CODE [$CC_API_KEY]\" >>{proof}"]),
            ],
        });
        var ended = await _agents.EndedAsync(run);
        ended.End.ShouldBe(RuntimeEnd.Exited, Supervised.Said(run));
        (await File.ReadAllLinesAsync(proof, _agents.Stop)).ShouldBe(["left", "exited 0 []"]);
        var said = Supervised.Lines(run).Select(l => l.Text).ToList();
        said[0].ShouldMatch(@"^Hook 'start' \(sh -c .*\) took \d+\.\d\d s\.$");
        said[1].ShouldBe("| preparing");
        said[2].ShouldMatch(@"^Hook 'start' \(false\) failed with code 1 after .* s; it is not required, so that is passed over\.$");
        said.ShouldContain($"made for {run.Id}");
        said.ShouldContain(l => l.StartsWith("Hook 'end'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_hook_that_is_required_and_fails_keeps_it_from_starting_and_one_that_hangs_is_killed()
    {
        var refused = await _agents.StartAsync(Supervised.Script("echo never") with { Hooks = [new AgentHook(AgentHook.Start, ["sh", "-c", "echo no such mirror; exit 4"])] });
        var ended = await _agents.EndedAsync(refused);
        (ended.End, ended.Pid).ShouldBe((RuntimeEnd.NotStarted, null));
        ended.Detail!.ShouldContain("failed with code 4");
        Supervised.Said(refused).ShouldContain("| no such mirror");

        var hung = await _agents.StartAsync(Supervised.Script("exit 0") with { Hooks = [new AgentHook(AgentHook.End, ["sh", "-c", "sleep 300 & wait"], TimeoutSeconds: 1)] });
        ended = await _agents.EndedAsync(hung);
        (ended.End, ended.ExitCode).ShouldBe((RuntimeEnd.Failed, 0));
        ended.Detail!.ShouldContain("did not end within 1 s and was killed");
        Supervised.ProcessesOf(hung).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_command_may_take_as_long_as_its_own_limit_says_and_a_tool_only_as_long_as_a_tool_s()
    {
        await using var agents = new Supervised(adapter: new Saying());
        var limits = new AgentLimits(ToolCallSeconds: 1, CommandSeconds: 60);
        var build = await agents.StartAsync(Supervised.Script("echo ready; echo command; sleep 3; echo built") with { Limits = limits });
        var tool = await agents.StartAsync(Supervised.Script("echo ready; echo tool; sleep 60") with { Limits = limits });
        var hung = await agents.StartAsync(Supervised.Script("echo ready; echo command; sleep 60") with { Limits = new AgentLimits(ToolCallSeconds: 60, CommandSeconds: 1) });
        (await agents.EndedAsync(build)).End.ShouldBe(RuntimeEnd.Exited);
        (await agents.EndedAsync(tool)).Detail.ShouldBe("A call of the tool search took longer than 1 s.");
        (await agents.EndedAsync(hung)).Detail.ShouldBe("A command that it ran took longer than 1 s.");
    }

    [Fact]
    public async Task A_pause_that_is_asked_for_before_it_is_ready_takes_effect_when_it_is()
    {
        await using var agents = new Supervised(adapter: new Saying());
        var gate = Path.Combine(agents.Home, "gate");
        var run = await agents.StartAsync(Supervised.Script($"until [ -e {gate} ]; do sleep 0.02; done; echo ready; while :; do echo tick; sleep 0.02; done"));
        var pause = new OrderedIntervention(Guid.NewGuid(), InterventionKind.Pause, null);
        run.Order(DesiredState.Pause, [pause], taskEnded: false);
        await agents.Supervisor.NextLook;
        await agents.Supervisor.NextLook;
        (run.Observe().Phase, run.Observe().Paused, run.Observe().Effective!.Count).ShouldBe((RuntimePhase.Observed, false, 0));
        await File.WriteAllTextAsync(gate, "", agents.Stop);
        await agents.UntilAsync(() => run.Observe() is { Phase: RuntimePhase.Ready, Paused: true }, "it was ready, and held still");
        await agents.UntilAsync(() => run.Observe().Effective!.Contains(pause.InterventionId), "the pause had taken effect");
    }

    // Says what it does in single words.
    private sealed class Saying : IExecutionAdapter, IOutputInterpreter
    {
        public string Name => "process";

        public bool CanResume => false;

        public LaunchPlan Plan(StartPackage start, LaunchSurroundings surroundings) => new(
            start.Definition.Command, new Dictionary<string, string>(), new Dictionary<string, string>(), [], ReadyWhenObserved: false, EndsWithTask: false);

        public IOutputInterpreter Interpret() => this;

        public string? Encode(string message) => null;

        public IEnumerable<AdapterSignal> Read(OutputSource source, string line) => line switch
        {
            "ready" => [new AdapterSignal.Ready()],
            "tool" => [new AdapterSignal.ToolCalled("search", "{}", "1")],
            "command" => [new AdapterSignal.ToolCalled("command", "make", "1", IsCommand: true)],
            "built" => [new AdapterSignal.ToolEnded("1")],
            _ => [],
        };
    }

    [Fact]
    public async Task One_that_ends_well_has_exited()
    {
        var ended = await _agents.EndedAsync(await _agents.StartAsync(Supervised.Script("exit 0")));
        (ended.End, ended.ExitCode).ShouldBe((RuntimeEnd.Exited, 0));
    }

    [Fact]
    public async Task One_that_is_killed_by_somebody_else_has_failed()
    {
        var run = await _agents.StartAsync(Supervised.Script("while :; do sleep 1; done"));
        Signals.Send(new ProcessIdentity(run.Observe().Pid!.Value, run.Observe().ProcessStartedAt!.Value), AgentSignal.Kill);
        var ended = await _agents.EndedAsync(run);
        ended.End.ShouldBe(RuntimeEnd.Failed);
        ended.Detail!.ShouldContain("signal 9");
        Supervised.ProcessesOf(run).ShouldBeEmpty();
    }

    [Fact]
    public async Task It_finds_only_what_it_is_to_find_in_its_environment()
    {
        var run = await _agents.StartAsync(Supervised.Script("env") with { Environment = new Dictionary<string, string> { ["MINE"] = "value:yes" } });
        await _agents.EndedAsync(run);
        var names = Supervised.Lines(run).Where(l => l.Source == OutputSource.Out).Select(l => l.Text.Split('=')[0]).ToList();
        names.Except(["PWD", "OLDPWD", "_", "SHLVL"]).ShouldBe(
            ["CC_RUNTIME_ID", "PATH", "LANG", "HOME", "TMPDIR", "MINE", "CC_BUS_URL", "CC_API_KEY", "CC_AGENT_ID", "CC_AGENT_NAME", "CC_SESSION_ID"], ignoreOrder: true);
        Supervised.Said(run).ShouldContain("MINE=yes");
        Supervised.Said(run).ShouldNotContain("cck_key-of-a-test");
    }

    [Fact]
    public async Task Its_workspace_and_its_home_are_gone_after_it()
    {
        var run = await _agents.StartAsync(Supervised.Script("pwd; echo $HOME; touch here; touch $HOME/there $TMPDIR/tmp"));
        await _agents.EndedAsync(run);
        foreach (var folder in Supervised.Lines(run).Where(l => l.Source == OutputSource.Out).Select(l => l.Text))
        {
            Directory.Exists(folder).ShouldBeFalse(folder);
        }
    }

    [Fact]
    public async Task Children_that_it_leaves_running_are_ended_with_it()
    {
        var run = await _agents.StartAsync(Supervised.Script("sleep 1000 & (setsid sleep 1000 &) ; exit 0"));
        (await _agents.EndedAsync(run)).End.ShouldBe(RuntimeEnd.Exited);
        Supervised.ProcessesOf(run).ShouldBeEmpty();
        Supervised.Said(run).ShouldContain("processes that it left running were killed");
    }

    [Fact]
    public async Task One_that_forks_without_end_is_killed_whole()
    {
        await using var agents = new Supervised(Supervised.Quick with { MostProcesses = 40 });
        var run = await agents.StartAsync(Supervised.Script("n=0; while [ $n -lt 200 ]; do (trap '' TERM; sleep 1000) & n=$((n+1)); done; wait"));
        var ended = await agents.EndedAsync(run);
        ended.End.ShouldBe(RuntimeEnd.LimitExceeded);
        ended.Detail!.ShouldContain("40");
        Supervised.ProcessesOf(run).ShouldBeEmpty();
    }

    [Fact]
    public async Task One_that_eats_memory_is_killed_at_its_limit()
    {
        var run = await _agents.StartAsync(
            Supervised.Command("/usr/bin/python3", "-c", "import time\nheld = []\nfor piece in range(45):\n  held.append(bytearray(8 << 20)); time.sleep(0.02)\ntime.sleep(1000)")
                with { Limits = new AgentLimits(MemoryMb: 128) });
        var ended = await _agents.EndedAsync(run);
        ended.End.ShouldBe(RuntimeEnd.LimitExceeded);
        ended.PeakMemoryMb!.Value.ShouldBeInRange(128, 512);
    }

    [Fact]
    public async Task One_that_runs_for_too_long_is_ended()
    {
        var ended = await _agents.EndedAsync(await _agents.StartAsync(Supervised.Script("sleep 1000") with { Limits = new AgentLimits(WallSeconds: 1) }));
        ended.End.ShouldBe(RuntimeEnd.LimitExceeded);
        ended.Detail!.ShouldContain("1 s");
    }

    [Fact]
    public async Task What_waits_for_the_bus_is_bounded()
    {
        await using var agents = new Supervised(Supervised.Quick with { Output = new OutputLimits(UnacknowledgedBytes: 4 << 20) });
        var run = await agents.StartAsync(Supervised.Script("head -c 6000000 /dev/zero | tr '\\0' x | fold -w 4000; sleep 0.1; echo end"));
        await agents.EndedAsync(run);
        run.Spool.Bytes.ShouldBeLessThan(5 << 20);
        run.Observe().DroppedLines.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task A_runner_that_is_started_again_takes_its_agents_up_and_misses_nothing_of_what_they_say()
    {
        var run = await _agents.StartAsync(Supervised.Script("n=0; while [ $n -lt 400 ]; do echo line $n; n=$((n+1)); sleep 0.005; done; exit 4"));
        await _agents.SaysAsync(run, "line 20");
        var (id, pid) = (run.Id, run.Observe().Pid);
        await _agents.StartAgainAsync();
        var again = _agents.Supervisor.Find(id)!;
        again.Observe().Pid.ShouldBe(pid);
        var ended = await _agents.EndedAsync(again);
        ended.ExitCode.ShouldBe(4);
        Supervised.Lines(again).Where(l => l.Source == OutputSource.Out).Select(l => l.Text).ShouldBe(Enumerable.Range(0, 400).Select(n => $"line {n}"));
    }

    [Fact]
    public async Task What_ended_while_no_runner_was_there_is_known_with_its_last_words()
    {
        var gate = Path.Combine(_agents.Home, "gate");
        var run = await _agents.StartAsync(Supervised.Script($"echo begun; while [ ! -e {gate} ]; do sleep 0.01; done; echo last words; exit 9"));
        await _agents.SaysAsync(run, "begun");
        var (id, pid) = (run.Id, run.Observe().Pid!.Value);
        await _agents.StartAgainAsync(whileAway: async () =>
        {
            await File.WriteAllTextAsync(gate, "", _agents.Stop);
            await _agents.UntilAsync(() => ProcessTable.Find(pid) is { IsStopped: true }, "it ended and waited to be heard");
        });
        var again = _agents.Supervisor.Find(id)!;
        var ended = await _agents.EndedAsync(again);
        (ended.End, ended.ExitCode).ShouldBe((RuntimeEnd.Failed, 9));
        Supervised.Said(again).ShouldContain("Out: last words");
        Supervised.ProcessesOf(again).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_was_killed_while_no_runner_was_there_is_lost_and_its_children_are_ended()
    {
        var run = await _agents.StartAsync(Supervised.Script("sleep 1000 & sleep 1000"));
        await _agents.UntilAsync(() => Supervised.ProcessesOf(run).Count >= 4, "its children ran");
        var (id, leader) = (run.Id, run.Observe());
        await _agents.StartAgainAsync(whileAway: () =>
        {
            Signals.Send(new ProcessIdentity(leader.Pid!.Value, leader.ProcessStartedAt!.Value), AgentSignal.Kill).ShouldBeTrue();
            return Task.CompletedTask;
        });
        var again = _agents.Supervisor.Find(id)!;
        (await _agents.EndedAsync(again)).End.ShouldBe(RuntimeEnd.Lost);
        Supervised.ProcessesOf(again).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_number_that_is_somebody_elses_by_now_is_left_alone()
    {
        using var stranger = Process.Start("/bin/sleep", ["1000"]);
        try
        {
            var real = ProcessIdentity.Of(stranger.Id)!.Value;
            Signals.Send(real with { StartTicks = real.StartTicks - 1 }, AgentSignal.Kill).ShouldBeFalse();

            var run = await _agents.StartAsync(Supervised.Script("exit 0"));
            await _agents.EndedAsync(run);
            var state = run.Folder.Load()!;
            await _agents.StartAgainAsync(whileAway: () =>
            {
                run.Folder.Save(state with { Phase = RuntimePhase.Ready, End = null, Process = real with { StartTicks = real.StartTicks - 1 } });
                return Task.CompletedTask;
            });
            (await _agents.EndedAsync(_agents.Supervisor.Find(run.Id)!)).Phase.ShouldBe(RuntimePhase.Ended);
            stranger.HasExited.ShouldBeFalse();
        }
        finally
        {
            stranger.Kill();
        }
    }

    [Fact]
    public async Task What_was_held_still_stays_so_for_the_next_runner()
    {
        var run = await _agents.StartAsync(Supervised.Script("while :; do echo tick; sleep 0.02; done"));
        await _agents.SaysAsync(run, "tick");
        run.Order(DesiredState.Pause, [], taskEnded: false);
        await _agents.UntilAsync(() => run.Observe().Paused, "it was held still");
        await _agents.StartAgainAsync();
        await _agents.Supervisor.NextLook.WaitAsync(_agents.Stop);
        await _agents.Supervisor.NextLook.WaitAsync(_agents.Stop);
        _agents.Supervisor.Find(run.Id)!.Observe().Paused.ShouldBeTrue();
        Supervised.ProcessesOf(run).Select(p => ProcessTable.Find(p)!.Value).ShouldAllBe(p => p.IsStopped || p.State == 'D', "a shell that waits for a child which became another program only as it stopped is as still");
    }

    [Fact]
    public async Task A_disk_without_room_costs_lines_and_not_the_agent()
    {
        await using var disk = await SmallDisk.MountAsync(megabytes: 8);
        await using var agents = new Supervised(home: Path.Combine(disk.Folder, "home"), workspaces: new TaskWorkspaces(_ => false, leastFreeBytes: 0));
        var run = await agents.StartAsync(Supervised.Script("while read -r line; do echo \"$line\"; done"));
        run.Put(["before"]);
        await agents.SaysAsync(run, "before");
        disk.Fill();
        await agents.UntilAsync(
            () =>
            {
                run.Put([new string('x', 4000)]);
                return run.Observe().DroppedLines > 0;
            },
            "a line was lost");
        disk.MakeRoom();
        run.Put(["after"]);
        await agents.SaysAsync(run, "they could not be written");
        await agents.SaysAsync(run, "after");
        run.HasEnded.ShouldBeFalse();
    }
}
