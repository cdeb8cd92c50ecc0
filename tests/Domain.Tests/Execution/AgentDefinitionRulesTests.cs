using ControlCenter.Domain.Execution;

namespace ControlCenter.Domain.Tests.Execution;

public sealed class AgentDefinitionRulesTests
{
    private static readonly AgentDefinition Good = new() { Name = "coder", Adapter = "claude-code" };

    [Fact]
    public void A_definition_of_a_name_and_an_adapter_is_enough() => AgentDefinitionRules.Check(Good).ShouldBeEmpty();

    [Fact]
    public void Everything_that_is_wrong_is_told_at_once() =>
        AgentDefinitionRules.Check(Good with { Name = "No Name", Adapter = "tmux", Instances = 0, Limits = new(Iterations: 0, FanOut: 101) })
            .Keys.ShouldBe(["name", "adapter", "instances", "limits.iterations", "limits.fan_out"], ignoreOrder: true);

    [Theory]
    [InlineData("coder", true)]
    [InlineData("a.b-c_2", true)]
    [InlineData("", false)]
    [InlineData("Coder", false)]
    [InlineData("../etc", false)]
    [InlineData(".hidden", false)]
    [InlineData("line\n", false)]
    public void A_name_can_stand_in_a_path(string name, bool good) => AgentDefinitionRules.IsName(name).ShouldBe(good);

    [Fact]
    public void A_process_needs_a_command_and_a_remote_agent_an_address()
    {
        Fields(Good with { Adapter = "process" }).ShouldBe(["command"]);
        Fields(Good with { Adapter = "process", Command = ["sh", "-c", "true"] }).ShouldBeEmpty();
        Fields(Good with { Adapter = "http" }).ShouldBe(["url"]);
        Fields(Good with { Adapter = "http", Url = "https://agents.example/start" }).ShouldBeEmpty();
        Fields(Good with { Url = "https://agents.example/start" }).ShouldBe(["url"]);
        Fields(Good with { Adapter = "model", Command = ["sh"] }).ShouldBe(["command"]);
    }

    [Theory]
    [InlineData("file:///etc/passwd")]
    [InlineData("ftp://agents.example/")]
    [InlineData("//agents.example/")]
    [InlineData("http://user:secret@agents.example/")]
    [InlineData("nonsense")]
    public void A_remote_agent_is_called_by_http_without_credentials_in_the_address(string url) =>
        Fields(Good with { Adapter = "http", Url = url }).ShouldBe(["url"]);

    [Theory]
    [InlineData("env:TOKEN", true)]
    [InlineData("file:/run/secrets/token", true)]
    [InlineData("value:", true)]
    [InlineData("value:debug", true)]
    [InlineData("debug", false)]
    [InlineData("env:", false)]
    [InlineData("env:A B", false)]
    [InlineData("file:relative", false)]
    [InlineData("file:/run/../etc/shadow", false)]
    [InlineData("value:a\0b", false)]
    public void A_variable_says_where_its_value_is_taken_from(string reference, bool good) =>
        Fields(Good with { Environment = new Dictionary<string, string> { ["TOKEN"] = reference } }).ShouldBe(good ? [] : ["environment.TOKEN"]);

    [Theory]
    [InlineData("CC_API_KEY")]
    [InlineData("HOME")]
    [InlineData("ANTHROPIC_BASE_URL")]
    [InlineData("LD_PRELOAD")]
    [InlineData("2ND")]
    public void What_the_runtime_sets_itself_cannot_be_set(string name) =>
        Fields(Good with { Environment = new Dictionary<string, string> { [name] = "value:x" } }).ShouldBe([$"environment.{name}"]);

    [Fact]
    public void A_wrong_reference_is_not_repeated_as_it_may_be_a_secret() =>
        AgentDefinitionRules.Check(Good with { Environment = new Dictionary<string, string> { ["TOKEN"] = "hunter2" } })
            .Values.Single().Single().ShouldNotContain("hunter2");

    [Fact]
    public void A_worktree_is_of_a_repository_and_a_folder_of_none()
    {
        Fields(Good with { Workspace = new("worktree") }).ShouldBe(["workspace.repository"]);
        Fields(Good with { Workspace = new("worktree", "/srv/code", "main") }).ShouldBeEmpty();
        Fields(Good with { Workspace = new("worktree", "/srv/../etc") }).ShouldBe(["workspace.repository"]);
        Fields(Good with { Workspace = new("worktree", "code") }).ShouldBe(["workspace.repository"]);
        Fields(Good with { Workspace = new("folder", "/srv/code") }).ShouldBe(["workspace"]);
        Fields(Good with { Workspace = new("container") }).ShouldBe(["workspace.kind"]);
    }

    [Theory]
    [InlineData("main", true)]
    [InlineData("release/1.2", true)]
    [InlineData("--upload-pack=x", false)]
    [InlineData("main..other", false)]
    [InlineData("main@{1}", false)]
    [InlineData("a b", false)]
    public void A_ref_is_a_name_and_no_option(string name, bool good) =>
        Fields(Good with { Workspace = new("worktree", "/srv/code", name) }).ShouldBe(good ? [] : ["workspace.ref"]);

    [Fact]
    public void Tools_are_names_that_can_stand_in_one_argument()
    {
        Fields(Good with { Tools = ["Read", "Bash(git log:*)", "mcp__control-center__claim_task"] }).ShouldBeEmpty();
        Fields(Good with { Tools = ["Read,Write"] }).ShouldBe(["tools"]);
        Fields(Good with { Tools = ["--dangerously-skip-permissions"] }).ShouldBe(["tools"]);
        Fields(Good with { Tools = ["Read", "Read"] }).ShouldBe(["tools"]);
    }

    [Fact]
    public void A_command_may_be_long_but_not_endless()
    {
        var process = Good with { Adapter = "process" };
        Fields(process with { Command = ["sh", new string('x', 8000)] }).ShouldBeEmpty();
        Fields(process with { Command = ["sh", new string('x', 9000)] }).ShouldBe(["command"]);
        Fields(process with { Command = [.. Enumerable.Repeat("x", AgentDefinitionRules.MostArguments + 1)] }).ShouldBe(["command"]);
        Fields(process with { Command = [" "] }).ShouldBe(["command"]);
    }

    private static IEnumerable<string> Fields(AgentDefinition definition) => AgentDefinitionRules.Check(definition).Keys;
}
