using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Processes;

namespace ControlCenter.Tests.Runner;

/// <summary>How a stand-in for an adapter's program behaves. It says <c>started</c> first.</summary>
public enum StandIn
{
    /// <summary>Answers each message with <c>heard</c> and the message (a turn, where the program has turns), and ends with code 7 after <c>bye</c>.</summary>
    Talks,

    /// <summary>Says <c>tick</c> some ten times a second until it is told to end, and does.</summary>
    Ticks,

    /// <summary>Ignores SIGTERM, and has a child and a grandchild in a session of its own which do so too.</summary>
    Stubborn,
}

/// <summary>What every execution adapter holds, tried with a stand-in for its program. An adapter's own tests derive from this.</summary>
public abstract class AdapterConformance : IAsyncDisposable
{
    private Supervised? _supervised;

    /// <summary>The adapter.</summary>
    protected abstract IExecutionAdapter Adapter { get; }

    /// <summary>A message that the program begins with, where it needs one.</summary>
    protected virtual string? FirstMessage => null;

    /// <summary>Whether the program tells of its turns and its session.</summary>
    protected virtual bool TellsOfTurns => false;

    private protected Supervised Agents => _supervised ??= new Supervised(adapter: Adapter);

    /// <summary>A definition whose program is a stand-in.</summary>
    /// <param name="behaviour">How it behaves.</param>
    /// <param name="folder">A folder of this test's, for the program's own files.</param>
    protected abstract AgentDefinition Definition(StandIn behaviour, string folder);

    public async ValueTask DisposeAsync()
    {
        if (_supervised is not null)
        {
            await _supervised.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task It_is_observed_then_ready_and_its_output_comes_while_it_runs()
    {
        var run = await StartAsync(StandIn.Ticks);
        await Agents.SaysAsync(run, "started");
        await Agents.UntilAsync(() => run.Observe().Phase == RuntimePhase.Ready, "it was ready");
        var observed = run.Observe();
        observed.Pid.ShouldNotBeNull();
        ProcessIdentity.Of(observed.Pid.Value)!.Value.StartTicks.ShouldBe(observed.ProcessStartedAt!.Value);
        var before = Ticks(run);
        await Agents.UntilAsync(() => Ticks(run) > before, "more output came");
    }

    [Fact]
    public async Task A_message_reaches_it_once_and_is_effective_then()
    {
        if (Adapter.Encode("?") is null)
        {
            Assert.Skip("Its program takes nothing in while it runs.");
        }

        var run = await StartAsync(StandIn.Talks);
        await Agents.SaysAsync(run, "started");
        var message = new OrderedIntervention(Guid.NewGuid(), InterventionKind.Message, "how are you");
        run.Order(DesiredState.Run, [message], taskEnded: false);
        run.Order(DesiredState.Run, [message], taskEnded: false);
        await Agents.SaysAsync(run, "heard how are you");
        run.Observe().Effective.ShouldBe([message.InterventionId]);
        run.Order(DesiredState.Run, [new OrderedIntervention(Guid.NewGuid(), InterventionKind.Message, "bye")], taskEnded: false);
        var ended = await Agents.EndedAsync(run);
        Supervised.Lines(run).Count(l => l.Source == OutputSource.Out && l.Text.Contains("heard how are you", StringComparison.Ordinal)).ShouldBe(1);
        ended.End.ShouldBe(RuntimeEnd.Failed);
        ended.ExitCode.ShouldBe(7);
    }

    [Fact]
    public async Task A_pause_holds_all_of_it_still_and_a_resume_lets_it_go_on()
    {
        var run = await StartAsync(StandIn.Ticks);
        await Agents.SaysAsync(run, "tick");
        var pause = new OrderedIntervention(Guid.NewGuid(), InterventionKind.Pause, null);
        run.Order(DesiredState.Pause, [pause], taskEnded: false);
        await Agents.UntilAsync(() => run.Observe() is { Paused: true, Effective: [_] }, "it was held still");
        // A shell that waits for a child which was held still before it had become another program (vfork(2)) is as still as that.
        Supervised.HeldOf(run).ShouldNotBeEmpty();
        Supervised.HeldOf(run).ShouldAllBe(p => p.IsStopped || p.State == 'D');
        (int Said, long Used) before, now = (Ticks(run), ProcessorTicks(run));
        do
        {
            // What it had said before may still be on its way; one that goes on says more with each look.
            before = now;
            for (var look = 0; look < 3; look++)
            {
                await Agents.Supervisor.NextLook.WaitAsync(Agents.Stop);
            }

            now = (Ticks(run), ProcessorTicks(run));
        }
        while (now != before);

        run.Order(DesiredState.Run, [new OrderedIntervention(Guid.NewGuid(), InterventionKind.Resume, null)], taskEnded: false);
        await Agents.UntilAsync(() => Ticks(run) > now.Said, "it went on");
        run.Observe().Paused.ShouldBeFalse();
    }

    [Fact]
    public async Task Told_to_stop_it_ends_and_leaves_nothing_behind()
    {
        var run = await StartAsync(StandIn.Ticks);
        await Agents.SaysAsync(run, "tick");
        run.Order(DesiredState.Stop, [], taskEnded: false);
        (await Agents.EndedAsync(run)).End.ShouldBe(RuntimeEnd.Stopped);
        Supervised.ProcessesOf(run).ShouldBeEmpty();
    }

    [Fact]
    public async Task Told_to_stop_while_it_is_held_still_it_ends()
    {
        var run = await StartAsync(StandIn.Ticks);
        await Agents.SaysAsync(run, "tick");
        run.Order(DesiredState.Pause, [], taskEnded: false);
        await Agents.UntilAsync(() => run.Observe().Paused, "it was held still");
        run.Order(DesiredState.Stop, [], taskEnded: false);
        (await Agents.EndedAsync(run)).End.ShouldBe(RuntimeEnd.Stopped);
    }

    [Fact]
    public async Task What_does_not_stop_is_killed_with_all_that_it_started()
    {
        _supervised = new Supervised(Supervised.Quick with { StopGrace = TimeSpan.FromSeconds(2) }, Adapter);
        var run = await StartAsync(StandIn.Stubborn);
        await Agents.SaysAsync(run, "started");
        await Agents.UntilAsync(() => Supervised.ProcessesOf(run).Count >= 4, "its children ran");
        run.Order(DesiredState.Stop, [new OrderedIntervention(Guid.NewGuid(), InterventionKind.Stop, null)], taskEnded: false);
        var ended = await Agents.EndedAsync(run);
        ended.End.ShouldBe(RuntimeEnd.Killed);
        ended.Effective!.Count.ShouldBe(1);
        Supervised.ProcessesOf(run).ShouldBeEmpty();
    }

    [Fact]
    public async Task Its_turns_and_its_session_are_known_and_another_process_goes_on_with_it()
    {
        if (!TellsOfTurns)
        {
            Assert.Skip("Its program does not tell of turns.");
        }

        var run = await StartAsync(StandIn.Talks);
        await Agents.UntilAsync(() => run.Observe() is { Turns: > 0, NativeSessionId: not null }, "its turn and session were known");
        if (!Adapter.CanResume)
        {
            return;
        }

        run.End(RuntimeEnd.Stopped, "The test kills it.", atOnce: true);
        var session = (await Agents.EndedAsync(run)).NativeSessionId;
        var next = await Agents.StartAsync(Definition(StandIn.Talks, Agents.Home), FirstMessage, session);
        await Agents.UntilAsync(() => next.Observe().NativeSessionId == session, "the next process went on with the session");
    }

    private protected Task<AgentRun> StartAsync(StandIn behaviour) => Agents.StartAsync(Definition(behaviour, Agents.Home), FirstMessage);

    private static int Ticks(AgentRun run) => Supervised.Lines(run).Count(l => l.Text.Contains("tick", StringComparison.Ordinal));

    private static long ProcessorTicks(AgentRun run) => Supervised.ProcessesOf(run).Sum(p => ProcessTable.Find(p)!.Value.ProcessorTicks);
}

/// <summary>The adapter for any command line.</summary>
public class ProcessAdapterTests : AdapterConformance
{
    protected override IExecutionAdapter Adapter { get; } = new ProcessAdapter();

    protected override AgentDefinition Definition(StandIn behaviour, string folder) => Supervised.Script(behaviour switch
    {
        StandIn.Talks => "echo started; while read -r line; do echo \"heard $line\"; [ \"$line\" = bye ] && exit 7; done",
        StandIn.Ticks => "echo started; while :; do echo tick; sleep 0.05; done",
        _ => """
            trap '' TERM
            sh -c 'trap "" TERM; while :; do sleep 0.2; done' &
            setsid sh -c 'trap "" TERM; while :; do sleep 0.2; done' &
            echo started
            while :; do sleep 0.2; done
            """,
    });
}

/// <summary>The same, in a terminal.</summary>
public sealed class TerminalAdapterTests : ProcessAdapterTests
{
    protected override AgentDefinition Definition(StandIn behaviour, string folder) => base.Definition(behaviour, folder) with { Terminal = true };
}
