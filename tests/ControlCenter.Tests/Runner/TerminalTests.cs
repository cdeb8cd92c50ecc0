using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Processes;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Runner;

/// <summary>Programs in a terminal, and what is typed into them.</summary>
public sealed class TerminalTests
{
    private const string Answers = "while read -r line; do echo \"heard $line\"; done";

    [Fact]
    public async Task A_program_in_a_terminal_finds_one_of_a_known_size_with_its_arguments_as_they_are()
    {
        await using var agents = new Supervised();
        var run = await agents.StartAsync(Supervised.Command("sh", "-c", "[ -t 0 ] && [ -t 1 ] && echo a terminal; stty size; echo \"$TERM\"; printf '%s\\n' \"$1\"; tty >&2; echo \"shell:$SHELL.$CC_TERMINAL\"", "sh", "it's \"$HOME\" `x`\n\\end") with { Terminal = true });
        (await agents.EndedAsync(run)).ShouldSatisfyAllConditions(e => e.End.ShouldBe(RuntimeEnd.Exited), e => e.ExitCode.ShouldBe(0));
        var said = Supervised.Said(run);
        said.ShouldContain("Out: a terminal");
        said.ShouldContain($"Out: {TerminalInput.Rows} {TerminalInput.Columns}");
        said.ShouldContain("Out: dumb");
        said.ShouldContain("Out: it's \"$HOME\" `x`\nOut: \\end");
        said.ShouldContain("Out: /dev/pts/");
        said.Split('\n').ShouldContain("Out: shell:.", "nothing of ours is left in what it finds");
    }

    [Fact]
    public async Task What_is_typed_is_read_once_however_often_it_is_ordered_and_stands_in_the_output_without_secrets()
    {
        await using var agents = new Supervised();
        var run = await agents.StartAsync(Supervised.Script(Answers) with { Terminal = true });
        var (first, second) = (Line(1, "one"), Line(2, "cck_key-of-a-test"));
        Type(run, first);
        await agents.SaysAsync(run, "heard one");
        Type(run, first, second);
        Type(run, first, second);
        await agents.UntilAsync(() => Supervised.Lines(run).Count(l => l.Source == OutputSource.Out) == 2, "the second was heard");
        run.Observe().Typed.ShouldBe([first.InputId, second.InputId]);
        Type(run);
        run.Observe().Typed.ShouldBeNull("the bus knows");
        Type(run, first);
        Type(run, Line(3, "three"));
        await agents.SaysAsync(run, "heard three");
        Supervised.Lines(run).Where(l => l.Source == OutputSource.Out).Select(l => l.Text).ShouldBe(["heard one", "heard [redacted]", "heard three"], "each once, and no secret");
        Supervised.Lines(run).Where(l => l.Source == OutputSource.In).Select(l => l.Text).ShouldBe(["one", "[redacted]", "three"]);
    }

    [Fact]
    public async Task What_was_typed_before_the_runner_died_is_not_typed_by_the_next_one_and_the_terminal_lives_on()
    {
        await using var agents = new Supervised();
        var run = await agents.StartAsync(Supervised.Script(Answers) with { Terminal = true });
        var first = Line(1, "one");
        Type(run, first);
        await agents.SaysAsync(run, "heard one");
        await agents.StartAgainAsync();
        var again = agents.Supervisor.Find(run.Id)!;
        again.Observe().Pid.ShouldBe(run.Observe().Pid);
        again.Observe().Typed.ShouldBe([first.InputId], "the bus may not have heard");
        Type(again, first, Line(2, "two"));
        await agents.SaysAsync(again, "heard two");
        Supervised.Lines(again).Count(l => l.Text == "heard one").ShouldBe(1);
    }

    [Theory]
    [InlineData(16, 0)]
    [InlineData(0, 16)]
    [InlineData(-3600, 16)]
    public async Task What_may_have_been_given_up_is_left_for_the_next_answer_whichever_clock_says_so(int wallSeconds, int bothSeconds)
    {
        await using var agents = new Supervised();
        var run = await agents.StartAsync(Supervised.Script(Answers) with { Terminal = true });
        var clock = new TestClock();
        var slow = new AnswerAge(clock);
        clock.Offset = TimeSpan.FromSeconds(wallSeconds);
        clock.Advance(TimeSpan.FromSeconds(bothSeconds));
        var changed = agents.Supervisor.NextChange;
        run.Type([Line(1, "one"), Line(2, "two")], slow);
        run.Observe().Typed.ShouldBeNull();
        changed.IsCompleted.ShouldBeTrue("the bus is asked again at once");

        run.Type([Line(2, "two")], new AnswerAge(clock));
        await agents.SaysAsync(run, "heard two");
        Supervised.Lines(run).Where(l => l.Source == OutputSource.In).Select(l => l.Text).ShouldBe(["two"], "the first was given up meanwhile");
    }

    [Fact]
    public async Task A_prompt_is_seen_while_it_waits_and_the_answer_follows()
    {
        await using var agents = new Supervised();
        var run = await agents.StartAsync(Supervised.Script("printf 'Your name? '; read -r name; echo \"Hello, $name.\"; sleep 60") with { Terminal = true });
        await agents.SaysAsync(run, "Your name? ");
        Type(run, Line(1, "Ada"));
        await agents.SaysAsync(run, "Hello, Ada.");
    }

    [Fact]
    public async Task Ctrl_C_ends_what_runs_in_the_foreground_and_Ctrl_D_the_input()
    {
        await using var agents = new Supervised();
        var run = await agents.StartAsync(Supervised.Script("trap 'echo interrupted' INT; echo before; sleep 600; echo after; cat; echo over") with { Terminal = true });
        await agents.SaysAsync(run, "before");
        await agents.UntilAsync(() => Supervised.ProcessesOf(run).Any(p => ProcessTable.Find(p) is { } e && ProcessesNamed(e.Pid, "sleep")), "its child ran");
        Type(run, Key(1, TerminalKey.CtrlC));
        await agents.SaysAsync(run, "after");
        Supervised.Said(run).ShouldContain("interrupted");
        Type(run, Key(1, TerminalKey.CtrlC), Line(2, "to the cat"), Key(3, TerminalKey.CtrlD));
        (await agents.EndedAsync(run)).ExitCode.ShouldBe(0);
        Supervised.Said(run).ShouldContain("Out: to the cat\n");
        Supervised.Lines(run).Where(l => l.Source == OutputSource.In).Select(l => l.Text).ShouldBe(["[Ctrl-C]", "to the cat", "[Ctrl-D]"]);
    }

    [Fact]
    public async Task A_program_in_a_terminal_has_its_whole_time_to_end_when_it_is_told_to()
    {
        await using var agents = new Supervised();
        var run = await agents.StartAsync(Supervised.Script("trap 'echo told; sleep 3; echo done; exit 5' TERM; echo up; while :; do sleep 0.1; done") with { Terminal = true });
        await agents.SaysAsync(run, "up");
        run.Order(DesiredState.Stop, [], taskEnded: false);
        var ended = await agents.EndedAsync(run);
        (ended.End, ended.ExitCode).ShouldBe((RuntimeEnd.Stopped, 5), Supervised.Said(run));
        Supervised.Said(run).ShouldContain("Out: done");
        Supervised.Lines(run).Count(l => l.Text == "told").ShouldBe(1, "it is told once");
    }

    [Fact]
    public async Task All_that_it_printed_last_is_kept_and_a_signal_that_ended_it_is_known()
    {
        await using var agents = new Supervised();
        var much = await agents.StartAsync(Supervised.Script("seq 1 3000; printf 'no end'; exit 3") with { Terminal = true });
        (await agents.EndedAsync(much)).ExitCode.ShouldBe(3);
        // Joined: a program that has to wait in the middle of a line is taken for one that asks.
        var lines = Supervised.Lines(much).Where(l => l.Source == OutputSource.Out).Select(l => l.Text).ToList();
        string.Concat(lines).ShouldBe(string.Concat(Enumerable.Range(1, 3000)) + "no end");
        lines.ShouldAllBe(l => l.Length <= "no end".Length, "and no two are one");
        var killed = await agents.StartAsync(Supervised.Script("kill -SEGV $$") with { Terminal = true });
        (await agents.EndedAsync(killed)).ShouldSatisfyAllConditions(e => e.End.ShouldBe(RuntimeEnd.Failed), e => e.ExitCode.ShouldBe(139));
    }

    [Fact]
    public async Task Without_a_terminal_a_line_is_read_too()
    {
        await using var agents = new Supervised();
        var run = await agents.StartAsync(Supervised.Script(Answers));
        Type(run, Line(1, "one"));
        await agents.SaysAsync(run, "heard one");
    }

    private static void Type(AgentRun run, params OrderedInput[] inputs) => run.Type(inputs, new AnswerAge(TimeProvider.System));

    private static OrderedInput Line(long number, string text) => new(Id(number), number, text, null, KeyboardRules.Patience.TotalSeconds);

    private static OrderedInput Key(long number, TerminalKey key) => new(Id(number), number, null, key, KeyboardRules.Patience.TotalSeconds);

    private static Guid Id(long number) => new((int)number, 0, 0, new byte[8]);

    private static bool ProcessesNamed(int pid, string name) => File.Exists($"/proc/{pid}/comm") && File.ReadAllText($"/proc/{pid}/comm").Trim() == name;
}
