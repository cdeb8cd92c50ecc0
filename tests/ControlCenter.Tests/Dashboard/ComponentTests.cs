using Bunit;
using ControlCenter.Dashboard.Escalations;
using ControlCenter.Dashboard.Work;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Escalations;
using static ControlCenter.Tests.Dashboard.Samples;

namespace ControlCenter.Tests.Dashboard;

public sealed class ComponentTests : BunitContext
{
    public ComponentTests() => JSInterop.Mode = JSRuntimeMode.Loose;

    [Fact]
    public void An_approval_is_given_with_its_comment_and_the_hash_on_the_screen()
    {
        DecideEscalationRequest? made = null;
        var asked = Escalation(1, action: """{"tool":"deploy"}""");
        var form = Render<DecisionForm>(p => p.Add(f => f.Escalation, asked).Add(f => f.OnDecide, r => made = r));
        form.Find("textarea").Input("Only today.");
        form.Find("[data-key=a]").Click();
        made.ShouldBe(new DecideEscalationRequest(Verdict.Approved, "Only today.", null, asked.ActionHash));
    }

    [Fact]
    public void A_question_without_an_answer_is_not_sent_and_an_option_is_one()
    {
        DecideEscalationRequest? made = null;
        var form = Render<DecisionForm>(p => p.Add(f => f.Escalation, Escalation(1, EscalationKind.Question, options: ["red", "green"])).Add(f => f.OnDecide, r => made = r));
        form.Find("[data-key=a]").Click();
        made.ShouldBeNull();
        form.Find("[role=alert]").TextContent.ShouldBe("Choose an option, or write an answer.");
        form.Find("[data-key='2']").Click();
        form.Find("[data-key='2']").GetAttribute("aria-pressed").ShouldBe("true");
        form.Find("[data-key=a]").Click();
        made!.Option.ShouldBe("green");
    }

    [Fact]
    public void Nothing_can_be_pressed_while_a_decision_is_on_its_way() =>
        Render<DecisionForm>(p => p.Add(f => f.Escalation, Escalation(1)).Add(f => f.Busy, true)).FindAll(".approve:not([disabled]), .deny:not([disabled])").ShouldBeEmpty();

    [Fact]
    public void An_action_that_does_not_have_the_hash_that_it_was_given_is_shown_as_such()
    {
        var action = Json("""{"tool":"deploy"}""");
        Render<ExactAction>(p => p.Add(a => a.Action, action).Add(a => a.Hash, Domain.Json.ActionHash.Of(action))).FindAll("[role=alert]").ShouldBeEmpty();
        Render<ExactAction>(p => p.Add(a => a.Action, action).Add(a => a.Hash, new string('0', 64))).Find("[role=alert]").TextContent.ShouldContain("Do not approve it");
    }

    [Fact]
    public void What_is_shown_of_an_action_is_what_was_hashed() =>
        Render<ExactAction>(p => p.Add(a => a.Action, Json("""{"id":9007199254740993,"a":1.0}""")).Add(a => a.Hash, ""))
            .Find("pre").TextContent.ShouldBe("{\n  \"a\": 1,\n  \"id\": 9007199254740992\n}");

    [Fact]
    public void A_checkpoint_is_read_when_it_is_opened_and_only_then()
    {
        var lease = Lease(1, "alpha", 0);
        var story = TaskStory.Of(Task(TaskState.Running, [lease]), [Checkpoint(lease, 5)]);
        var reads = 0;
        var card = Render<HoldingCard>(p => p.Add(c => c.Holding, story.Holdings[0]).Add(c => c.Read, _ =>
        {
            reads++;
            return System.Threading.Tasks.Task.FromResult<System.Text.Json.JsonElement?>(Json("""{"n":1}"""));
        }));
        reads.ShouldBe(0);
        card.Find("details").TriggerEvent("ontoggle", EventArgs.Empty);
        card.Find("details").TriggerEvent("ontoggle", EventArgs.Empty);
        reads.ShouldBe(1);
        card.Find("pre").TextContent.ShouldContain("\"n\": 1");
    }
}
