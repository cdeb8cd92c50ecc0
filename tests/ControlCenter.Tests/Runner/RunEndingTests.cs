using System.Diagnostics;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Runner;

/// <summary>How a run is ended, and how it is said to have ended, on a machine that is slow to do and to tell.</summary>
public sealed class RunEndingTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("cc-ending-").FullName;
    private readonly Process _program = Process.Start("/bin/sleep", ["1000"]);
    private readonly ProcessIdentity _identity;
    private readonly ProcessForest _forest = new();
    private readonly TestClock _clock = new();

    public RunEndingTests() => _identity = ProcessIdentity.Of(_program.Id)!.Value;

    public void Dispose()
    {
        // Let go of by a run that has ended.
        Signals.Send(_identity, AgentSignal.Kill);
        _program.Dispose();
        Directory.Delete(_home, recursive: true);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_disk_that_takes_its_time_holds_up_no_end(bool isKilled)
    {
        var tree = _forest.Plant(Guid.NewGuid(), _identity);
        _forest.Look(0);
        using var spool = OutputSpool.Open(Path.Combine(_home, "spool"));
        var progress = new AgentProgress(NoInterpreter.Instance, new ProgressReading(), _clock);
        bool? hadEnded = null;
        var output = new AgentOutput(spool, progress, WhenItIsGone, new OutputLimits(), () => { }, _clock);
        var control = new TreeControl(tree, output, progress, TimeSpan.FromMinutes(1), _clock, hasTerminal: false);
        if (isKilled)
        {
            control.Kill("a reason");
        }
        else
        {
            control.Terminate("a reason");
        }

        hadEnded.ShouldBe(true, "it is written down afterwards");

        string WhenItIsGone(string note)
        {
            hadEnded = _program.WaitForExit(TimeSpan.FromSeconds(20));
            return note;
        }
    }

    [Fact]
    public async Task One_whose_end_is_told_late_is_waited_for_and_holds_nobody_up()
    {
        using var given = Given();
        var run = given.Run;
        Look(run, times: 5);
        run.HasEnded.ShouldBeFalse("nobody knows yet how");
        Signals.Send(_identity, AgentSignal.Kill);
        await EndedAsync(run);
        (run.Observe().End, run.Observe().Detail).ShouldBe((RuntimeEnd.Failed, "Somebody else killed it (signal 9)."));
    }

    [Fact]
    public async Task One_whose_end_is_never_told_is_lost_after_a_while()
    {
        using var given = Given();
        Look(given.Run, times: 5);
        _clock.Advance(TimeSpan.FromSeconds(30));
        await EndedAsync(given.Run);
        given.Run.Observe().End.ShouldBe(RuntimeEnd.Lost);
    }

    // A run whose first process is gone, as the machine's table has it, while this program has not been told.
    private GivenRun Given()
    {
        var folder = RunnerFolder.Take(Path.Combine(_home, "runner"));
        var pump = new OutputPump(folder.Bell, () => { }, _clock);
        var around = new RunSurroundings(new RunnerOptions(Path.Combine(_home, "runner"), []), RunnerParts.Standard, _forest, pump, _clock)
        {
            Wake = () => { }, WakeIn = _ => { }, Changed = () => { }, Save = (_, _) => true,
        };
        var id = Guid.NewGuid();
        var of = folder.Of(id);
        of.Make();
        return new GivenRun(folder, pump, new AgentRun(around, of, new RuntimeState
        {
            RuntimeId = id, FencingToken = 1, Adapter = "process", Limits = new AgentLimits(), Phase = RuntimePhase.Ready, Process = _identity with { StartTicks = _identity.StartTicks - 1 },
        }, _program));
    }

    private void Look(AgentRun run, int times = 1)
    {
        for (var look = 0; look < times; look++)
        {
            run.BeforeLook();
            _forest.Look(look);
            run.Step();
        }
    }

    private async Task EndedAsync(AgentRun run)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromMinutes(1));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        for (Look(run); !run.HasEnded; Look(run))
        {
            await timer.WaitForNextTickAsync(patience.Token);
        }
    }

    private sealed record GivenRun(RunnerFolder Folder, OutputPump Pump, AgentRun Run) : IDisposable
    {
        public void Dispose()
        {
            Run.LetGo();
            Pump.Dispose();
            Folder.Dispose();
        }
    }
}
