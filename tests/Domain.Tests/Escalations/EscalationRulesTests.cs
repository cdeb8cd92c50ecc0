using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Domain.Tests.Escalations;

public sealed class EscalationRulesTests
{
    [Fact]
    public void An_approval_is_a_yes_or_a_no() =>
        EscalationRules.VerdictsFor(EscalationKind.Approval).ShouldBe([Verdict.Approved, Verdict.Denied], ignoreOrder: true);

    [Theory]
    [InlineData(EscalationKind.Question)]
    [InlineData(EscalationKind.Intervention)]
    public void Other_kinds_can_be_answered_in_words_or_denied(EscalationKind kind)
    {
        EscalationRules.VerdictsFor(kind).ShouldContain(Verdict.Answered);
        EscalationRules.VerdictsFor(kind).ShouldContain(Verdict.Denied);
    }

    [Fact]
    public void Nobody_can_give_the_hosts_own_verdict()
    {
        foreach (var kind in Enum.GetValues<EscalationKind>())
        {
            Should.Throw<ValidationException>(() => EscalationRules.Require(kind, Verdict.Expired, option: null, options: [])).Errors!.Keys.ShouldBe(["verdict"]);
        }
    }

    [Fact]
    public void An_option_is_one_of_those_that_were_offered()
    {
        EscalationRules.Require(EscalationKind.Question, Verdict.Answered, "b", ["a", "b"]);
        EscalationRules.Require(EscalationKind.Question, Verdict.Answered, option: null, ["a", "b"]);
        Should.Throw<ValidationException>(() => EscalationRules.Require(EscalationKind.Question, Verdict.Answered, "B", ["a", "b"])).Message.ShouldContain("One of a, b");
        Should.Throw<ValidationException>(() => EscalationRules.Require(EscalationKind.Question, Verdict.Answered, "a", [])).Message.ShouldContain("No options");
    }

    [Fact]
    public void A_verdict_and_an_option_that_do_not_fit_are_told_together() =>
        Should.Throw<ValidationException>(() => EscalationRules.Require(EscalationKind.Approval, Verdict.Answered, "c", ["a"])).Errors!.Keys.ShouldBe(["verdict", "option"]);

    [Fact]
    public void Every_verdict_has_a_state_of_its_own_and_none_leaves_it_waiting()
    {
        var states = Enum.GetValues<Verdict>().Select(EscalationRules.StateAfter).ToArray();
        states.ShouldBeUnique();
        states.ShouldNotContain(EscalationState.Waiting);
        states.Select(s => s.ToString()).ShouldBe(Enum.GetNames<Verdict>());
    }
}
