using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.Tests.Runner;

/// <summary>Claude Code.</summary>
public sealed class ClaudeCodeConformanceTests : AdapterConformance
{
    protected override IExecutionAdapter Adapter { get; } = new ClaudeCodeAdapter();

    protected override string? FirstMessage => "begin";

    protected override bool TellsOfTurns => true;

    protected override AgentDefinition Definition(StandIn behaviour, string folder) => StandInPrograms.Definition(Adapter.Name, StandInPrograms.Write(folder, StandInPrograms.Listening(
        behaviour,
        """
        session=session-$$
        while [ $# -gt 0 ]; do [ "$1" = --resume ] && session=$2; shift; done
        echo "{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"$session\"}"
        """,
        """echo "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"$said\"}]}}" """,
        """echo '{"type":"result","subtype":"success","is_error":false,"result":"done","usage":{"input_tokens":1,"output_tokens":1}}'""")));
}

/// <summary>Codex: it takes nothing in while it runs.</summary>
public sealed class CodexConformanceTests : AdapterConformance
{
    protected override IExecutionAdapter Adapter { get; } = new CodexAdapter();

    protected override string? FirstMessage => "begin";

    protected override bool TellsOfTurns => true;

    protected override AgentDefinition Definition(StandIn behaviour, string folder) => StandInPrograms.Definition(Adapter.Name, StandInPrograms.Write(folder, StandInPrograms.Listening(
        behaviour,
        """
        session=session-$$
        [ "$2" = resume ] && session=$5
        echo "{\"type\":\"thread.started\",\"thread_id\":\"$session\"}"
        """,
        """echo "{\"type\":\"item.completed\",\"item\":{\"id\":\"item_0\",\"type\":\"agent_message\",\"text\":\"$said\"}}" """,
        """echo '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'""")));
}

/// <summary>The built-in loop.</summary>
public sealed class ModelConformanceTests : AdapterConformance
{
    protected override IExecutionAdapter Adapter { get; } = new ModelAdapter();

    protected override AgentDefinition Definition(StandIn behaviour, string folder) => StandInPrograms.Definition(Adapter.Name, StandInPrograms.Write(folder, StandInPrograms.Listening(
        behaviour,
        """echo '{"type":"ready","session_id":"kept"}'""",
        """echo "{\"type\":\"text\",\"text\":\"$said\"}" """,
        """echo '{"type":"turn_end","failed":false}'""")));
}

/// <summary>A remote agent.</summary>
public sealed class HttpConformanceTests : AdapterConformance
{
    protected override IExecutionAdapter Adapter { get; } = new HttpAdapter();

    protected override AgentDefinition Definition(StandIn behaviour, string folder) => StandInPrograms.Definition(Adapter.Name, StandInPrograms.Write(folder, StandInPrograms.Listening(
        behaviour,
        """echo '{"type":"ready"}'""",
        """echo "{\"type\":\"text\",\"text\":\"$said\"}" """,
        """echo '{"type":"turn_end","failed":false}'""")));
}

public sealed class UnfinishedTurnRunTests
{
    [Fact]
    public async Task An_agent_that_ends_its_turn_beside_its_task_is_told_once_and_then_given_up()
    {
        var clock = new TestSupport.TestClock();
        var begunAt = clock.GetTimestamp();
        await using var agents = new Supervised(time: clock);
        var definition = StandInPrograms.Definition("model", StandInPrograms.Write(agents.Home, StandInPrograms.Listening(
            StandIn.Talks, """echo '{"type":"ready"}'; echo '{"type":"turn_end"}'""", """echo "{\"type\":\"text\",\"text\":\"heard\"}" """, """echo '{"type":"turn_end"}'""")));
        var run = await agents.StartAsync(definition, task: Supervised.OneTask());
        await agents.UntilAsync(() => run.Observe().Turns == 1, "its first turn ended");
        await LookAsync(agents);
        Within(UnfinishedTurn.Patience, clock, begunAt, run.Observe().Turns)?.ShouldBe(1, "its task may be over without our knowing");
        var toldAt = clock.GetTimestamp();
        clock.Advance(UnfinishedTurn.Patience);
        await agents.UntilAsync(() => run.Observe().Turns == 2, "it was told, and took another turn");
        Supervised.Lines(run).Count(l => l.Source == OutputSource.In && l.Text.Contains("complete_task", StringComparison.Ordinal)).ShouldBe(1);
        await LookAsync(agents);
        Within(UnfinishedTurn.Patience * 2, clock, toldAt, run.HasEnded)?.ShouldBeFalse();
        clock.Advance(UnfinishedTurn.Patience);
        var ended = await agents.EndedAsync(run);
        (ended.End, ended.Detail).ShouldBe((RuntimeEnd.Failed, UnfinishedTurn.Reason));
    }

    [Fact]
    public async Task A_process_that_goes_on_after_its_task_is_ended_after_a_while()
    {
        var clock = new TestSupport.TestClock();
        var begunAt = clock.GetTimestamp();
        await using var agents = new Supervised(time: clock);
        var run = await agents.StartAsync(Supervised.Script("while :; do sleep 0.05; done"), task: Supervised.OneTask());
        run.Order(DesiredState.Run, [], taskEnded: true);
        await LookAsync(agents);
        Within(TimeSpan.FromSeconds(30), clock, begunAt, run.HasEnded)?.ShouldBeFalse("it may have last words");
        clock.Advance(TimeSpan.FromSeconds(31));
        var ended = await agents.EndedAsync(run);
        (ended.End, ended.Detail).ShouldBe((RuntimeEnd.Stopped, "Its task is over."));
    }

    // What was seen while its patience cannot have been over; null where the machine took longer, and it may be so or not.
    private static T? Within<T>(TimeSpan patience, TimeProvider clock, long since, T seen)
        where T : struct => clock.GetElapsedTime(since) < patience ? seen : null;

    private static async Task LookAsync(Supervised agents)
    {
        for (var look = 0; look < 2; look++)
        {
            await agents.Supervisor.NextLook.WaitAsync(agents.Stop);
        }
    }
}
