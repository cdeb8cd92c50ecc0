using ControlCenter.Domain.Execution;

namespace ControlCenter.Domain.Tests.Execution;

public sealed class SubAgentRulesTests
{
    private static readonly AgentDefinition Parent = new()
    {
        Name = "parent", Adapter = "process", Capabilities = ["a", "b"], Tools = ["read"], Limits = new AgentLimits(Tokens: 1_000, MemoryMb: 512, Depth: 2, FanOut: 3),
    };

    [Fact]
    public void A_sub_agent_within_its_parent_is_let_be_and_its_limits_are_the_lesser_of_both()
    {
        var child = Parent with { Name = "child", Capabilities = ["a"], Limits = new AgentLimits(Iterations: 500, Tokens: null, WallSeconds: 60, Depth: 9, FanOut: 9, CommandSeconds: 60, DiskMb: 9) };
        SubAgentRules.Widening(Parent, child).ShouldBeNull();
        SubAgentRules.Narrow(Parent, child).Limits.ShouldBe(new AgentLimits(Iterations: 50, Tokens: 1_000, WallSeconds: 60, MemoryMb: 512, Depth: 1, FanOut: 3, CommandSeconds: 60, DiskMb: 9));
    }

    [Fact]
    public void A_sub_agent_runs_only_where_its_parent_could() =>
        SubAgentRules.Narrow(Parent with { HostLabels = ["inside", "gpu"] }, Parent with { HostLabels = ["gpu", "fast"] }).HostLabels.ShouldBe(["gpu", "fast", "inside"]);

    [Fact]
    public void Whatever_is_more_than_the_parent_is_named()
    {
        SubAgentRules.Widening(Parent, Parent with { Name = "child", Capabilities = ["c"] })!.ShouldContain("can c");
        SubAgentRules.Widening(Parent, Parent with { Name = "child", Tools = ["read", "write"] })!.ShouldContain("uses write");
        SubAgentRules.Widening(Parent, Parent with { Name = "child", Tools = [] })!.ShouldContain("names no tools");
        SubAgentRules.Widening(Parent with { Limits = new AgentLimits(Depth: 0) }, Parent)!.ShouldContain("depth is used up");
        SubAgentRules.Widening(Parent with { Tools = [] }, Parent with { Tools = ["anything"] }).ShouldBeNull();
    }

    [Fact]
    public void What_a_host_reads_checks_out_calls_or_starts_for_a_sub_agent_is_the_parents_own()
    {
        var parent = Parent with
        {
            Command = ["work"], Url = "https://one.example", Workspace = new WorkspaceDefinition("worktree", "/repositories/one"),
            Environment = new Dictionary<string, string> { ["TOKEN"] = "env:TOKEN" },
        };
        SubAgentRules.Widening(parent, parent with { Name = "child" }).ShouldBeNull();
        SubAgentRules.Widening(parent, Parent with { Name = "child", Environment = new Dictionary<string, string> { ["T"] = "env:TOKEN", ["MODE"] = "value:quick" } }).ShouldBeNull();
        SubAgentRules.Widening(parent, Parent with { Environment = new Dictionary<string, string> { ["TOKEN"] = "file:/secrets/other" } })!.ShouldContain("environment (TOKEN)");
        SubAgentRules.Widening(parent, Parent with { Workspace = new WorkspaceDefinition("worktree", "/repositories/other") })!.ShouldContain("workspace.repository");
        SubAgentRules.Widening(parent, Parent with { Url = "https://other.example" })!.ShouldContain("url");
        SubAgentRules.Widening(parent, Parent with { Command = ["work", "--more"] })!.ShouldContain("command");
        SubAgentRules.Widening(parent, Parent with { Hooks = [new AgentHook(AgentHook.Start, ["make"])] })!.ShouldContain("hook");
    }
}
