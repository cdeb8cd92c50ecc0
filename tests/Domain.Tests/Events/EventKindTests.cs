using ControlCenter.Domain.Events;

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
