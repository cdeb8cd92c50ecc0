using System.Text.RegularExpressions;
using ControlCenter.Domain.Events;
using FsCheck;
using FsCheck.Fluent;

namespace ControlCenter.Domain.Tests.Events;

public sealed class EventKindTests
{
    [Theory]
    [InlineData("a", true)]
    [InlineData("0build.done_now-2", true)]
    [InlineData("", false)]
    [InlineData(".a", false)]
    [InlineData("A", false)]
    [InlineData("a b", false)]
    [InlineData("ä", false)]
    public void A_kind_has_the_form_of_the_contract(string kind, bool valid) => EventKind.IsValid(kind).ShouldBe(valid);

    [Fact]
    public void Eighty_characters_are_allowed_and_eighty_one_are_not()
    {
        EventKind.IsValid(new string('a', 80)).ShouldBeTrue();
        EventKind.IsValid(new string('a', 81)).ShouldBeFalse();
    }

    [Fact]
    public void The_hosts_families_are_reserved_and_their_neighbours_are_not()
    {
        EventKind.ReservedFamilies.Count.ShouldBe(15);
        EventKind.IsReserved("task.completed").ShouldBeTrue();
        EventKind.IsReserved("tasks.completed").ShouldBeFalse();
        EventKind.IsReserved("task").ShouldBeFalse();
    }

    [Fact]
    public void The_check_by_hand_says_what_the_contracts_expression_says() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            const string Alphabet = "az09_.-AZ \n/:ä\u0661\ud800";
            var random = new System.Random(seed);
            for (var i = 0; i < 50; i++)
            {
                // Mostly good characters, or hardly any long name would be valid.
                var kind = string.Concat(Enumerable.Range(0, random.Next(0, 84)).Select(_ => Alphabet[random.Next(random.Next(40) == 0 ? Alphabet.Length : 7)]));
                EventKind.IsValid(kind).ShouldBe(Regex.IsMatch(kind, @"\A[a-z0-9][a-z0-9_.-]{0,79}\z"), kind);
            }
        }));

    [Fact]
    public void Judging_a_kind_allocates_nothing()
    {
        (EventKind.IsValid("build.done") && !EventKind.IsReserved("build.done")).ShouldBeTrue();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            EventKind.IsValid("build.done");
            EventKind.IsReserved("build.done");
            EventChannels.Of("build.done");
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void Just_the_contracts_families_are_reserved() =>
        EventKind.ReservedFamilies.ShouldBe(
            ["agent.", "ticket.", "task.", "lease.", "escalation.", "intervention.", "runtime.", "cost.", "budget.", "alert.", "governor.", "backup.", "admission.", "security.", "bus."],
            ignoreOrder: true);

    [Theory]
    [InlineData("task.completed", EventChannel.Work)]
    [InlineData("ticket.created", EventChannel.Work)]
    [InlineData("lease.expired", EventChannel.Work)]
    [InlineData("escalation.opened", EventChannel.Escalations)]
    [InlineData("alert.raised", EventChannel.Alerts)]
    [InlineData("security.refused", EventChannel.Alerts)]
    [InlineData("bus.rate_limited", EventChannel.Alerts)]
    [InlineData("budget.exhausted", EventChannel.Alerts | EventChannel.Costs)]
    [InlineData("cost.recorded", EventChannel.Costs)]
    [InlineData("tasks.mine", EventChannel.None)]
    public void A_family_is_carried_where_its_listeners_are(string kind, EventChannel channels) => EventChannels.Of(kind).ShouldBe(EventChannel.All | channels);

    [Fact]
    public void The_streams_channels_are_those_of_the_contract()
    {
        EventChannels.Wire.ShouldBe(["all", "work", "escalations", "alerts", "costs", "agent"], ignoreOrder: true);
        foreach (var name in EventChannels.Wire)
        {
            EventChannels.TryParse(name, out var channel).ShouldBeTrue();
            EventChannels.NameOf(channel).ShouldBe(name);
        }

        EventChannels.TryParse("Work", out _).ShouldBeFalse();
    }

    [Fact]
    public void Every_kind_is_on_the_channel_of_everything() =>
        new[] { "task.x", "security.x", "anything" }.ShouldAllBe(k => (EventChannels.Of(k) & EventChannel.All) != 0);

    [Theory]
    [InlineData("task:1", "task", "1")]
    [InlineData("plain", "", "plain")]
    [InlineData("a:b:c", "a", "b:c")]
    [InlineData(":odd", "", ":odd")]
    public void A_subject_comes_back_as_it_was_given(string subject, string type, string id)
    {
        EventSubject.Split(subject).ShouldBe((type, id));
        EventSubject.Join(type, id).ShouldBe(subject);
    }
}
