using ControlCenter.Domain.Access;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;

namespace ControlCenter.Domain.Tests.Text;

/// <summary>The words that clients and the database rely on: renaming a member must not change one unseen.</summary>
public sealed class WireNamesTests
{
    [Fact]
    public void The_words_are_those_of_the_contract()
    {
        WireNames<Role>.All.ShouldBe(["founder_admin", "system_service", "agent_runtime", "emergency_operator", "read_only_observer", "host_runner"]);
        WireNames<TaskState>.All.ShouldBe(["blocked", "ready", "leased", "running", "waiting_human", "completed", "failed", "cancelled"]);
        WireNames<TicketState>.All.ShouldBe(["open", "in_progress", "done", "cancelled"]);
        WireNames<EscalationKind>.All.ShouldBe(["approval", "question", "intervention"]);
        WireNames<Verdict>.All.ShouldBe(["approved", "denied", "answered", "expired"]);
        WireNames<AgentActivity>.All.ShouldBe(["idle", "working", "waiting", "stopping"]);
        WireNames<Liveness>.All.ShouldBe(["unknown", "live", "stale", "lost"]);
        WireNames<InterventionKind>.All.ShouldBe(["pause", "resume", "stop", "message"]);
        WireNames<AdmissionLevel>.All.ShouldBe(["closed", "read_only", "manual", "maintenance", "controlled", "full"]);
    }

    [Fact]
    public void A_word_comes_back_as_the_member_it_was_made_from()
    {
        foreach (var state in Enum.GetValues<TaskState>())
        {
            WireNames<TaskState>.TryParse(state.Wire(), out var parsed).ShouldBeTrue();
            parsed.ShouldBe(state);
            WireNames<TaskState>.Parse(WireNames<TaskState>.ToWire(state)).ShouldBe(state);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Ready")]
    [InlineData("READY")]
    [InlineData(" ready")]
    [InlineData("waitingHuman")]
    [InlineData("1")]
    public void Only_the_exact_word_is_understood(string? word) => WireNames<TaskState>.TryParse(word, out _).ShouldBeFalse();

    [Fact]
    public void A_word_that_must_be_one_is_refused_with_those_that_are() =>
        Should.Throw<FormatException>(() => WireNames<TicketState>.Parse("closed")).Message.ShouldContain("open, in_progress, done, cancelled");

    [Fact]
    public void Neither_way_allocates()
    {
        var understood = WireNames<TaskState>.TryParse(WireNames<TaskState>.ToWire(TaskState.Ready), out _);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            understood &= WireNames<TaskState>.TryParse(WireNames<TaskState>.ToWire(TaskState.WaitingHuman), out _);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
        understood.ShouldBeTrue();
    }
}
