using ControlCenter.Domain.Costs;

namespace ControlCenter.Domain.Tests.Costs;

public sealed class CostObservabilityTests
{
    private static readonly CostEvidence All = new(1, 0, 3, 0, 0, 0, 0, 0);

    [Fact]
    public void A_task_that_nobody_has_worked_on_asks_nothing()
    {
        var answers = CostObservability.Of(new CostEvidence(0, 0, 0, 0, 0, 0, 0, 0));
        answers.ShouldBeEmpty();
        CostObservability.IsObservable(answers).ShouldBeNull();
    }

    [Fact]
    public void A_task_of_which_everything_is_known_is_observable()
    {
        var answers = CostObservability.Of(All);
        answers.Select(a => a.Question).ShouldBe(Enum.GetValues<CostQuestion>());
        CostObservability.IsObservable(answers).ShouldBe(true);
    }

    [Fact]
    public void Work_without_a_recorded_use_answers_nothing_because_unmetered_is_not_unused()
    {
        var answers = CostObservability.Of(new CostEvidence(2, 2, 0, 0, 0, 0, 0, 0));
        answers.ShouldAllBe(a => !a.Answered);
        answers[0].Gaps.ShouldBe(["2 agents held the task, and no use of a module was recorded"]);
        CostObservability.IsObservable(answers).ShouldBe(false);
    }

    [Theory]
    [InlineData(CostQuestion.Modules, "1 of 3 uses has no module")]
    [InlineData(CostQuestion.Runtime, "2 of 3 uses have neither agent nor surface")]
    [InlineData(CostQuestion.Work, "1 of 3 uses has no ticket")]
    [InlineData(CostQuestion.Cost, "3 of 3 uses have no cost")]
    [InlineData(CostQuestion.Profile, "1 of 3 uses has no latency")]
    public void A_gap_spoils_its_own_question_and_no_other(CostQuestion question, string gap)
    {
        var seen = question switch
        {
            CostQuestion.Modules => All with { WithoutModule = 1 },
            CostQuestion.Runtime => All with { WithoutRuntime = 2 },
            CostQuestion.Work => All with { WithoutTicket = 1 },
            CostQuestion.Cost => All with { WithoutCost = 3 },
            _ => All with { WithoutLatency = 1 },
        };
        var unanswered = CostObservability.Of(seen).Where(a => !a.Answered).ShouldHaveSingleItem();
        unanswered.Question.ShouldBe(question);
        unanswered.Gaps.ShouldBe([gap]);
    }

    [Fact]
    public void An_agent_that_held_the_task_and_reported_nothing_is_a_gap() =>
        CostObservability.Of(All with { Holders = 2, HoldersWithoutUse = 1 })[0].Gaps.ShouldBe(["no use was recorded of 1 of the 2 agents that held it"]);
}
