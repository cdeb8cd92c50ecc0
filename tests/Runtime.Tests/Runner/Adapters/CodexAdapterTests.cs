using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.Runtime.Tests.Runner.Adapters;

public sealed class CodexAdapterTests
{
    private static readonly CodexAdapter Adapter = new();

    // Any program that is there stands in for the real one: nothing is started here.
    private static readonly AgentDefinition Coder = new() { Name = "codex", Adapter = "codex", ModelRoute = "a\"quoted\"", Command = ["/bin/sh"], Limits = new(ToolCallSeconds: 90), Instructions = "Be brief." };

    [Fact]
    public void What_the_real_program_printed_for_a_task_is_understood()
    {
        var signals = Recordings.Play(Adapter, "codex-0.169.0.jsonl");
        signals[0].ShouldBeOfType<AdapterSignal.SessionKnown>().NativeSessionId.ShouldBe("01a1fe80-5e4d-7ab2-b9dc-46d26ab8d263");
        signals[1].ShouldBe(new AdapterSignal.Ready());
        signals.OfType<AdapterSignal.ToolCalled>().Select(c => c.Tool).ShouldBe(
            ["control-center/report_progress", "control-center/escalate", "control-center/wait_for_decision", "control-center/complete_task"]);
        signals.OfType<AdapterSignal.ToolEnded>().Count().ShouldBe(4);
        signals.TakeLast(2).ShouldBe([new AdapterSignal.Used(500, 60), new AdapterSignal.TurnEnded(false, "The answer is forty-two.")]);
    }

    [Fact]
    public void A_model_that_is_not_there_is_a_turn_that_failed() =>
        Recordings.Play(Adapter, "codex-0.169.0-wrong-model.jsonl")[^1].ShouldBeOfType<AdapterSignal.TurnEnded>().Failed.ShouldBeTrue();

    [Fact]
    public void What_a_session_used_before_is_not_counted_again()
    {
        var interpreter = Adapter.Interpret();
        string[] lines = ["""{"type":"control_center.resumed"}""", """{"type":"thread.started","thread_id":"x"}""", """{"type":"turn.completed","usage":{"input_tokens":600,"output_tokens":72}}"""];
        lines.SelectMany(l => interpreter.Read(OutputSource.Out, l)).ShouldNotContain(s => s is AdapterSignal.Used);
    }

    [Fact]
    public void A_command_that_is_told_of_only_at_its_end_is_a_call_too() =>
        Adapter.Interpret().Read(OutputSource.Out, """{"type":"item.completed","item":{"id":"item_2","type":"command_execution","command":"ls","exit_code":0,"status":"completed"}}""")
            .ShouldBe([new AdapterSignal.ToolCalled("command", "ls", "item_2", IsCommand: true), new AdapterSignal.ToolEnded("item_2")]);

    [Fact]
    public void It_is_started_for_one_turn_with_the_bus_as_its_provider_and_its_tools()
    {
        var start = Recordings.Start(Coder);
        var plan = Adapter.Plan(start, Recordings.Surroundings);
        plan.Command.Skip(3).ShouldBe(["/private/prompt.md", "new", "/bin/sh", "exec", "--json", "--skip-git-repo-check", "-"]);
        var configuration = plan.Files["/private/.codex/config.toml"];
        configuration.ShouldContain("""model = "a\"quoted\"" """.Trim());
        configuration.ShouldContain("""base_url = "http://bus:7400/v1" """.Trim());
        configuration.ShouldContain("tool_timeout_sec = 90");
        plan.Files["/private/prompt.md"].ShouldStartWith("Be brief.");
        plan.Files["/private/prompt.md"].ShouldContain(start.Task!.LeaseId.ToString());
        plan.Files.Values.ShouldAllBe(text => !text.Contains(start.Key));
        (plan.ReadyWhenObserved, plan.EndsWithTask, plan.NoInput).ShouldBe((false, false, true));
        Adapter.Encode("a message").ShouldBeNull();
    }

    [Fact]
    public void A_session_is_gone_on_with() =>
        Adapter.Plan(Recordings.Start(Coder, resume: "01a1fe80"), Recordings.Surroundings).Command.Skip(4).ShouldBe(
            ["resumed", "/bin/sh", "exec", "resume", "--json", "--skip-git-repo-check", "01a1fe80", "-"]);

    [Fact]
    public void A_program_that_is_not_there_is_told_before_anything_is_started() =>
        Should.Throw<LaunchException>(() => Adapter.Plan(Recordings.Start(Coder with { Command = ["/no/such/codex"] }), Recordings.Surroundings));
}
