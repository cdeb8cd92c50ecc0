using ControlCenter.Domain.Execution;

namespace ControlCenter.Domain.Tests.Execution;

public sealed class AssignmentScoreTests
{
    private static readonly AssignmentPolicy Policy = new();
    private static readonly TaskToAssign Code = new(["code"], 2);
    private static readonly HostToAssign Roomy = new("roomy", [], 16_000, 2_000, 1);
    private static readonly HostToAssign Tight = new("tight", ["gpu"], 16_000, 12_000, 1);

    [Fact]
    public void The_one_that_can_do_just_this_is_taken_before_one_that_can_do_everything() =>
        Rank(Code, [Definition("all", ["code", "review", "test", "write"]), Definition("coder", ["code"])])[0].Definition.ShouldBe("coder");

    [Fact]
    public void Who_cannot_do_it_is_no_candidate()
    {
        Rank(Code, [Definition("writer", ["write"])]).ShouldBeEmpty();
        AssignmentScore.Missing(Code, [["write"]]).ShouldBe(["code"]);
        AssignmentScore.Missing(new TaskToAssign(["a", "b"], 2), [["a"], ["b"]]).ShouldBeEmpty();
    }

    [Fact]
    public void The_host_with_the_most_room_is_taken() => Rank(Code, [Definition("coder", ["code"])])[0].Host.ShouldBe("roomy");

    [Fact]
    public void Going_on_where_a_session_is_beats_room()
    {
        var best = Rank(Code, [Definition("coder", ["code"]) with { ContinuesOn = "tight" }, Definition("another", ["code"])])[0];
        best.ShouldSatisfyAllConditions(b => b.Definition.ShouldBe("coder"), b => b.Host.ShouldBe("tight"), b => b.Reasons.ShouldContain(r => r.Contains("its own session")));
    }

    [Fact]
    public void Two_failures_on_the_same_task_outweigh_its_session()
    {
        var failed = Definition("coder", ["code"]) with { ContinuesOn = "roomy", Failures = 3 };
        Rank(Code, [failed, Definition("another", ["code"])])[0].Definition.ShouldBe("another");
    }

    [Theory]
    [InlineData(2, "cheap")]
    [InlineData(4, "a-dear")]
    public void A_cheaper_model_is_taken_unless_the_task_is_urgent(int priority, string taken) =>
        Rank(Code with { Priority = priority }, [Definition("a-dear", ["code"]) with { Price = 75 }, Definition("cheap", ["code"]) with { Price = 5 }])[0].Definition.ShouldBe(taken);

    [Fact]
    public void Whoever_cannot_be_started_comes_last_with_the_reason()
    {
        Why(Definition("busy", ["code"]) with { Running = 1 }).ShouldBe("its one instance is busy");
        Why(Definition("busy", ["code"]) with { Running = 3, Instances = 3 }).ShouldBe("all 3 instances of it are busy");
        Why(Definition("mute", ["code"]) with { Unreachable = "its models are away" }).ShouldBe("its models are away");
        Why(Definition("big", ["code"]) with { MemoryMb = 15_000 }).ShouldBe("roomy has no memory for it below 85 %; tight has no memory for it below 85 %");
        Why(Definition("picky", ["code"]) with { HostLabels = ["arm"] }).ShouldContain("has not the label arm");
        AssignmentScore.Rank(Code, [Definition("coder", ["code"])], [], Policy)[0].Reasons.ShouldBe(["no host is online"]);
        AssignmentScore.Rank(Code, [Definition("coder", ["code"])], [Roomy with { Runtimes = 100 }], Policy)[0].Reasons.ShouldBe(["roomy runs 100, which is the most"]);
    }

    [Fact]
    public void A_label_sends_it_where_that_is() => Rank(Code, [Definition("coder", ["code"]) with { HostLabels = ["gpu"] }])[0].Host.ShouldBe("tight");

    [Fact]
    public void The_reasons_add_up_to_the_score()
    {
        var best = Rank(Code, [Definition("coder", ["code", "x"]) with { Price = 3, Failures = 1, ContinuesOn = "" }, Definition("other", ["code"]) with { Price = 10 }]).Single(c => c.Definition == "coder");
        best.Reasons.Sum(r => decimal.Parse(r.Split('(')[^1].TrimEnd(')'), System.Globalization.CultureInfo.InvariantCulture)).ShouldBe(best.Score!.Value);
    }

    [Fact]
    public void A_policy_is_told_what_is_wrong_with_it_by_field()
    {
        new AssignmentPolicy().Problems().ShouldAllBe(p => p.Problem == null);
        new AssignmentPolicy(0, 0, 0, -1, 1, 1).Problems().ShouldAllBe(p => p.Problem != null);
    }

    private static string Why(DefinitionToAssign definition)
    {
        var ranked = Rank(Code, [Definition("able", ["code"]), definition]);
        ranked[^1].ShouldSatisfyAllConditions(c => c.Definition.ShouldBe(definition.Name), c => c.Score.ShouldBeNull());
        return ranked[^1].Reasons.Single();
    }

    private static IReadOnlyList<AssignmentCandidate> Rank(TaskToAssign task, DefinitionToAssign[] definitions) => AssignmentScore.Rank(task, definitions, [Tight, Roomy], Policy);

    private static DefinitionToAssign Definition(string name, string[] capabilities) => new(name, capabilities, [], 1, 0, 300, 0, null, null, null);
}
