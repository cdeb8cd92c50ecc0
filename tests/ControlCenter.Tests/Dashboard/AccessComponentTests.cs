using Bunit;
using ControlCenter.Dashboard.Access;
using ControlCenter.Dashboard.Components;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Access;
using static ControlCenter.Tests.Dashboard.Samples;

namespace ControlCenter.Tests.Dashboard;

public sealed class AccessComponentTests : BunitContext
{
    public AccessComponentTests() => JSInterop.Mode = JSRuntimeMode.Loose;

    [Theory]
    [InlineData(Role.FounderAdmin, true)]
    [InlineData(Role.EmergencyOperator, true)]
    [InlineData(Role.ReadOnlyObserver, false)]
    [InlineData(null, false)]
    public void A_control_is_shown_to_those_who_may_and_something_else_to_the_others(Role? role, bool shown)
    {
        var rendered = Render<Allowed>(p => p
            .AddCascadingValue(SignedIn(role)).Add(a => a.To, Permission.Decide).Add(a => a.ChildContent, "<button>Approve</button>").Add(a => a.Otherwise, "<p>No.</p>"));
        rendered.FindAll("button").Count.ShouldBe(shown ? 1 : 0);
        rendered.FindAll("p").Count.ShouldBe(shown ? 0 : 1);
    }

    [Theory]
    [InlineData(Role.ReadOnlyObserver, true)]
    [InlineData(Role.EmergencyOperator, false)]
    [InlineData(Role.SystemService, false)]
    [InlineData(Role.FounderAdmin, false)]
    public void A_page_says_read_only_to_an_observer_and_to_nobody_else(Role role, bool said) =>
        Render<PageHeader>(p => p.AddCascadingValue(SignedIn(role)).Add(h => h.Title, "Work")).Markup.Contains("Read only", StringComparison.Ordinal).ShouldBe(said);

    [Fact]
    public void A_new_actors_key_is_shown_with_a_button_that_copies_it_and_cannot_be_asked_for_again()
    {
        CreateActorRequest? asked = null;
        var dialog = Render<LetInDialog>(p => p.Add(d => d.LetIn, r =>
        {
            asked = r;
            return System.Threading.Tasks.Task.FromResult<CreatedActor?>(new CreatedActor(Id(1), r.Name, r.Role, "cck_secret"));
        }));
        dialog.Find("input.input").Change("Night shift");
        dialog.Find("[value=emergency_operator]").Change("emergency_operator");
        dialog.Find("form").Submit();
        asked.ShouldBe(new CreateActorRequest("Night shift", Role.EmergencyOperator));
        dialog.Find(".code").TextContent.ShouldBe("cck_secret");
        dialog.Find("[data-copy]").GetAttribute("data-copy").ShouldBe("cck_secret");
        dialog.FindAll("[type=submit]").ShouldBeEmpty();
    }

    [Fact]
    public void A_name_that_is_taken_leaves_the_dialog_open_with_the_reason_and_what_was_written()
    {
        var dialog = Render<LetInDialog>(p => p.Add(d => d.LetIn, _ => System.Threading.Tasks.Task.FromResult<CreatedActor?>(null)).Add(d => d.Problem, "The name 'x' is taken."));
        dialog.Find("input.input").Change("x");
        dialog.Find("form").Submit();
        dialog.Find("[role=alert]").TextContent.ShouldContain("taken");
        dialog.Find("input.input").GetAttribute("value").ShouldBe("x");
    }

    [Theory]
    [InlineData(1, true, "Rotate your own key?", "your old key stops at once")]
    [InlineData(1, false, "Rotate the key of Investor?", "the old one stops at once")]
    [InlineData(0, false, "Let Investor in again?", "the old one stays revoked")]
    public void What_a_new_key_does_is_said_before_it_is_made(int keys, bool own, string title, string consequence)
    {
        var actor = new ActorView(Id(1), "Investor", Role.ReadOnlyObserver, keys > 0 ? AccessState.Active : AccessState.Revoked, "cck_abcd", keys, Start, null, null, Start);
        var dialog = Render<RotateKeyDialog>(p => p.Add(d => d.Actor, actor).Add(d => d.Own, own));
        dialog.Find("h2").TextContent.ShouldBe(title);
        dialog.Find("p").TextContent.ShouldContain(consequence, Case.Insensitive);
    }

    [Fact]
    public void A_line_of_the_audit_is_told_by_names_and_says_nothing_twice()
    {
        var line = new AuditView(
            Id(1), Start, Id(2), "founder", "actor.created", AuditOutcome.Done, $"actor:{Id(3)}", "Investor", Json("""{"name":"Investor","role":"read_only_observer","none":null}"""), null);
        AuditWords.SubjectOf(line).ShouldBe("Investor");
        AuditWords.DetailOf(line).ShouldBe("role: read_only_observer");
        AuditWords.LinkOf(line with { Subject = $"escalation:{Id(4)}" }).ShouldBe($"/escalations/{Id(4)}");
    }
}
