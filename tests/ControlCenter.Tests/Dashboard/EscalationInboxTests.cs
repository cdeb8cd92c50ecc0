using ControlCenter.Dashboard.Escalations;
using ControlCenter.Domain.Escalations;
using static ControlCenter.Tests.Dashboard.Samples;

namespace ControlCenter.Tests.Dashboard;

public sealed class EscalationInboxTests
{
    private readonly EscalationInbox _inbox = new();

    [Fact]
    public void The_oldest_is_chosen_where_nothing_is_named()
    {
        _inbox.Show([Escalation(1), Escalation(2)], null, named: false);
        _inbox.Selected!.EscalationId.ShouldBe(Id(1));
    }

    [Fact]
    public void What_is_chosen_stays_chosen_when_something_older_arrives()
    {
        _inbox.Show([Escalation(2), Escalation(3)], null, named: false);
        _inbox.Show([Escalation(1), Escalation(2), Escalation(3)], Escalation(2), named: false);
        _inbox.Wanted(null).ShouldBe(Id(2));
        _inbox.Selected!.EscalationId.ShouldBe(Id(2));
    }

    [Fact]
    public void What_somebody_else_has_decided_stays_at_its_place_with_its_decision()
    {
        _inbox.Show([Escalation(1), Escalation(2), Escalation(3)], Escalation(2), named: true);
        _inbox.Show([Escalation(1), Escalation(3)], Escalation(2, state: EscalationState.Denied), named: true);
        _inbox.Items.Select(e => e.EscalationId).ShouldBe([Id(1), Id(2), Id(3)]);
        _inbox.Selected!.State.ShouldBe(EscalationState.Denied);
        _inbox.Neighbour(1)!.EscalationId.ShouldBe(Id(3));
        _inbox.Neighbour(-1)!.EscalationId.ShouldBe(Id(1));
    }

    [Fact]
    public void An_address_of_nothing_chooses_nothing()
    {
        _inbox.Show([Escalation(1)], null, named: false);
        _inbox.Show([Escalation(1)], null, named: true);
        _inbox.IsMissing.ShouldBeTrue();
        _inbox.Selected.ShouldBeNull();
        _inbox.Neighbour(1)!.EscalationId.ShouldBe(Id(1));
    }

    [Fact]
    public void A_decision_leads_to_the_next_then_to_the_one_before_then_to_none()
    {
        _inbox.Show([Escalation(1), Escalation(2), Escalation(3)], Escalation(2), named: true);
        _inbox.MoveOn()!.EscalationId.ShouldBe(Id(3));
        _inbox.MoveOn()!.EscalationId.ShouldBe(Id(1));
        _inbox.MoveOn().ShouldBeNull();
        _inbox.Items.ShouldBeEmpty();
    }

    [Fact]
    public void What_was_decided_here_does_not_come_back_while_the_address_still_names_it()
    {
        _inbox.Show([Escalation(1)], Escalation(1), named: true);
        _inbox.MoveOn().ShouldBeNull();

        // A list that was asked for before the decision, and one that was asked for after it.
        _inbox.Show([], Escalation(1, state: EscalationState.Approved), named: true);
        _inbox.Items.ShouldBeEmpty();
        _inbox.Wanted(Id(1)).ShouldBeNull();
        _inbox.Show([], null, named: true);
        _inbox.IsMissing.ShouldBeFalse();

        _inbox.Wanted(null).ShouldBeNull();
        _inbox.Wanted(Id(1)).ShouldBe(Id(1), "the address has been elsewhere and names it again");
    }

    [Fact]
    public void Steps_stay_within_the_list()
    {
        _inbox.Neighbour(1).ShouldBeNull();
        _inbox.Show([Escalation(1), Escalation(2)], Escalation(2), named: true);
        _inbox.Neighbour(5)!.EscalationId.ShouldBe(Id(2));
        _inbox.Neighbour(-5)!.EscalationId.ShouldBe(Id(1));
    }
}

public sealed class DecisionDraftTests
{
    [Fact]
    public void A_decision_carries_the_hash_of_the_action_that_was_on_the_screen()
    {
        var asked = Escalation(1, action: """{"b":1,"a":2}""");
        var draft = new DecisionDraft(asked) { Comment = "  fine  " };
        var request = draft.ToRequest(draft.Positive);
        request.ActionHash.ShouldBe(asked.ActionHash);
        request.Verdict.ShouldBe(Verdict.Approved);
        request.Comment.ShouldBe("fine");
    }

    [Fact]
    public void A_question_needs_an_answer_and_a_no_needs_nothing()
    {
        var draft = new DecisionDraft(Escalation(1, EscalationKind.Question, options: ["red", "green"]));
        draft.Positive.ShouldBe(Verdict.Answered);
        draft.Missing(Verdict.Answered).ShouldNotBeNull();
        draft.Missing(Verdict.Denied).ShouldBeNull();
        draft.Choose("green");
        draft.Missing(Verdict.Answered).ShouldBeNull();
        draft.Choose("green");
        draft.Option.ShouldBeNull();
    }
}
