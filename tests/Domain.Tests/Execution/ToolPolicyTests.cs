using ControlCenter.Domain.Execution;

namespace ControlCenter.Domain.Tests.Execution;

public sealed class ToolPolicyTests
{
    [Theory]
    [InlineData("Edit", "Edit", "{}", ToolVerdict.Allowed)]
    [InlineData("Edit", "Write", "{}", ToolVerdict.Refused)]
    [InlineData("Edit", "Read", "{}", ToolVerdict.Unjudged)]
    [InlineData("mcp__control-center", "mcp__control-center__report_progress", "{}", ToolVerdict.Allowed)]
    [InlineData("mcp__control-center__*", "mcp__control-center__report_progress", "{}", ToolVerdict.Allowed)]
    [InlineData("mcp__control-center__claim", "mcp__control-center__claim_all", "{}", ToolVerdict.Refused)]
    [InlineData("mcp__other", "mcp__control-center__report_progress", "{}", ToolVerdict.Refused)]
    [InlineData("Bash(git status)", "Bash", """{"command":"git status"}""", ToolVerdict.Allowed)]
    [InlineData("Bash(git:*)", "Bash", """{"command":"git push --force"}""", ToolVerdict.Allowed)]
    [InlineData("Bash(git:*)", "Bash", """{"command":"gitk"}""", ToolVerdict.Refused)]
    [InlineData("Bash(git:*)", "Bash", """{"command":"git status; rm -rf /"}""", ToolVerdict.Unjudged)]
    [InlineData("Bash(git:*)", "Bash", """{"command":"git sta""", ToolVerdict.Unjudged)]
    [InlineData("Bash(npm run *)", "Bash", """{"command":"npm run test"}""", ToolVerdict.Unjudged)]
    [InlineData("Edit(/src/**)", "Edit", """{"file_path":"/src/a"}""", ToolVerdict.Unjudged)]
    public void A_call_of_Claude_Code_is_judged_as_it_reads_its_list(string entry, string tool, string arguments, ToolVerdict verdict) =>
        ToolPolicy.Judge("claude-code", ["Nothing", entry], tool, arguments).ShouldBe(verdict);

    [Theory]
    [InlineData("codex", "control-center/complete_task", ToolVerdict.Allowed)]
    [InlineData("codex", "control-center/escalate", ToolVerdict.Refused)]
    [InlineData("codex", "command", ToolVerdict.Allowed)]
    [InlineData("model", "complete_task", ToolVerdict.Allowed)]
    [InlineData("model", "escalate", ToolVerdict.Refused)]
    public void Others_keep_to_names(string adapter, string tool, ToolVerdict verdict) => ToolPolicy.Judge(adapter, ["complete_task"], tool, "{}").ShouldBe(verdict);

    [Fact]
    public void An_empty_list_is_the_adapter_s_own() => ToolPolicy.Judge("claude-code", [], "Anything", "{}").ShouldBe(ToolVerdict.Allowed);
}
