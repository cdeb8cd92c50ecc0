using System.Text.Json.Nodes;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.Runtime.Tests.Runner.Adapters;

public sealed class ClaudeCodeAdapterTests
{
    private static readonly ClaudeCodeAdapter Adapter = new();
    private static readonly AgentDefinition Coder = new() { Name = "coder", Adapter = "claude-code", ModelRoute = "claude", Limits = new(Iterations: 7, ToolCallSeconds: 90) };

    [Fact]
    public void What_the_real_program_printed_for_a_task_is_understood()
    {
        var signals = Recordings.Play(Adapter, "claude-code-2.1.197.jsonl");
        signals[0].ShouldBe(new AdapterSignal.SessionKnown("7ed90ba6-acf5-4383-9213-acd440717910"));
        signals[1].ShouldBe(new AdapterSignal.Ready());
        signals.OfType<AdapterSignal.Ready>().Count().ShouldBe(1, "it introduces itself with each turn, and is ready once");
        signals.OfType<AdapterSignal.ToolCalled>().Select(c => c.Tool).ShouldBe(
            ["mcp__control-center__report_progress", "mcp__control-center__escalate", "mcp__control-center__wait_for_decision", "mcp__control-center__complete_task"]);
        signals.OfType<AdapterSignal.ToolCalled>().First().Arguments.ShouldContain("\"percent\":10");
        signals.OfType<AdapterSignal.ToolEnded>().Select(e => e.CallId).ShouldBe(signals.OfType<AdapterSignal.ToolCalled>().Select(c => c.CallId));
        signals.OfType<AdapterSignal.TurnEnded>().ShouldBe([new(false, "The answer is forty-two."), new(false, "The answer is forty-two.")]);
        signals.OfType<AdapterSignal.Used>().ShouldBe([new(500, 60), new(100, 12)]);
    }

    [Fact]
    public void A_model_that_is_not_there_is_a_turn_that_failed() =>
        Recordings.Play(Adapter, "claude-code-2.1.197-wrong-model.jsonl").OfType<AdapterSignal.TurnEnded>().Single().ShouldSatisfyAllConditions(
            t => t.Failed.ShouldBeTrue(), t => t.Text!.ShouldContain("selected model"));

    [Fact]
    public void A_session_that_is_not_there_is_a_turn_that_failed_and_never_ready() =>
        Recordings.Play(Adapter, "claude-code-2.1.197-unknown-session.jsonl").ShouldBe([new AdapterSignal.TurnEnded(true, "error_during_execution")]);

    [Fact]
    public void A_compaction_is_told_of() =>
        Adapter.Interpret().Read(OutputSource.Out, """{"type":"system","subtype":"compact_boundary","compact_metadata":{"trigger":"auto","pre_tokens":155000}}""")
            .ShouldBe([new AdapterSignal.Compacted("auto: 155,000 tokens before")]);

    [Theory]
    [InlineData("")]
    [InlineData("plain words")]
    [InlineData("{\"type\":")]
    [InlineData("[]")]
    [InlineData("{\"type\":7,\"message\":[]}")]
    [InlineData("{\"type\":\"assistant\",\"message\":{\"content\":\"text\"}}")]
    public void Whatever_else_is_printed_means_nothing(string line) => Adapter.Interpret().Read(OutputSource.Out, line).ShouldBeEmpty();

    [Fact]
    public void It_is_started_headless_with_the_bus_as_its_provider_and_its_tools()
    {
        var start = Recordings.Start(Coder);
        var plan = Adapter.Plan(start, Recordings.Surroundings);
        string.Join(' ', plan.Command).ShouldBe(
            "claude -p --input-format stream-json --output-format stream-json --verbose --mcp-config /private/mcp.json --strict-mcp-config --permission-mode dontAsk "
            + "--allowedTools mcp__control-center,Bash,Edit,Glob,Grep,NotebookEdit,Read,Skill,Task,TaskOutput,TaskStop,TodoWrite,WebFetch,WebSearch,Write --max-turns 7 --model claude");
        plan.Environment["ANTHROPIC_BASE_URL"].ShouldBe("http://bus:7400");
        plan.Environment["ANTHROPIC_AUTH_TOKEN"].ShouldBe(start.Key);
        plan.Environment["MCP_TOOL_TIMEOUT"].ShouldBe("90000");
        JsonNode.Parse(plan.Files["/private/mcp.json"])!["mcpServers"]!["control-center"]!["url"]!.ToString().ShouldBe("http://bus:7400/mcp");
        plan.Files.Values.ShouldAllBe(text => !text.Contains(start.Key));
        (plan.ReadyWhenObserved, plan.EndsWithTask, plan.NoInput).ShouldBe((false, true, false));
        Text(plan.FirstInput.Single()).ShouldContain(start.Task!.LeaseId.ToString());
    }

    [Fact]
    public void A_definition_has_its_own_program_tools_and_instructions()
    {
        var plan = Adapter.Plan(Recordings.Start(Coder with { Command = ["/opt/claude", "--debug"], Tools = ["Read", "mcp__control-center"], Instructions = "Be brief." }), Recordings.Surroundings);
        plan.Command.Take(3).ShouldBe(["/opt/claude", "--debug", "-p"]);
        plan.Command.ShouldContain("Read,mcp__control-center");
        plan.Command.TakeLast(2).ShouldBe(["--append-system-prompt", "Be brief."]);
    }

    [Fact]
    public void A_session_is_gone_on_with_and_told_so()
    {
        var plan = Adapter.Plan(Recordings.Start(Coder, resume: "7ed90ba6"), Recordings.Surroundings);
        plan.Command.TakeLast(2).ShouldBe(["--resume", "7ed90ba6"]);
        Text(plan.FirstInput.Single()).ShouldStartWith("Your process ended and was replaced");
    }

    [Fact]
    public void A_checkpoint_is_told_and_a_long_one_is_left_in_its_file()
    {
        Text(Adapter.Plan(Recordings.Start(Coder, checkpoint: """{"step":3}"""), Recordings.Surroundings).FirstInput[0]).ShouldContain("""{"step":3}""");
        var document = $$"""{"text":"{{new string('x', 20_000)}}"}""";
        Text(Adapter.Plan(Recordings.Start(Coder, checkpoint: document), Recordings.Surroundings).FirstInput[0]).ShouldContain("/private/checkpoint.json");
    }

    [Fact]
    public void A_message_is_one_line_whatever_it_says()
    {
        var line = Adapter.Encode("first\nsecond \"quoted\"");
        line.ShouldNotContain("\n");
        Text(line).ShouldBe("first\nsecond \"quoted\"");
    }

    [Fact]
    public void Without_a_task_it_waits_for_what_it_is_told()
    {
        var plan = Adapter.Plan(Recordings.Start(Coder, message: "Look at the logs.", hasTask: false), Recordings.Surroundings);
        plan.EndsWithTask.ShouldBeFalse();
        Text(plan.FirstInput.Single()).ShouldBe("Look at the logs.");
    }

    private static string Text(string line) => JsonNode.Parse(line)!["message"]!["content"]![0]!["text"]!.ToString();
}
