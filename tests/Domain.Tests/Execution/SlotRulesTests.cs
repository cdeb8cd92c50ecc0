using ControlCenter.Domain.Execution;

namespace ControlCenter.Domain.Tests.Execution;

public sealed class SlotRulesTests
{
    private static readonly Guid Kind = Guid.CreateVersion7();

    [Fact]
    public void The_host_with_most_left_after_placing_is_chosen_and_of_two_alike_the_one_that_runs_less()
    {
        var (small, large) = (Room("small", memory: 4_000), Room("large", memory: 8_000));
        SlotRules.Choose([small, large], new SlotWish(Kind, [], 500)).Chosen!.Host.ShouldBe("large");
        SlotRules.Choose([Room("a") with { Runtimes = 2 }, Room("b")], new SlotWish(Kind, [], 500)).Chosen!.Host.ShouldBe("b");
    }

    [Fact]
    public void What_was_promised_to_those_that_run_is_not_given_away_again()
    {
        var room = Room("a", memory: 10_000) with { MemoryUsedMb = 1_000, PromisedMb = 7_000 };
        SlotRules.RefusalOf(room, new SlotWish(Kind, [], 499)).ShouldBeNull();
        SlotRules.RefusalOf(room, new SlotWish(Kind, [], 500)).ShouldBe("with it, memory would be used to 85 % or more");
    }

    [Theory]
    [InlineData(8_499, null)]
    [InlineData(8_500, "its memory is used to 85 % or more")]
    public void At_85_percent_nothing_is_placed(int used, string? refusal) =>
        SlotRules.RefusalOf(Room("a", memory: 10_000) with { MemoryUsedMb = used }, new SlotWish(Kind, [], null)).ShouldBe(refusal);

    [Theory]
    [InlineData(2, null)]
    [InlineData(3, "runs 3, which is the most")]
    public void No_more_run_on_one_host_than_the_policy_says_whatever_room_it_has(int running, string? refusal) =>
        SlotRules.RefusalOf(Room("a") with { Runtimes = running }, new SlotWish(Kind, [], 1, MostPerHost: 3)).ShouldBe(refusal);

    [Fact]
    public void Each_refusal_says_why()
    {
        var wish = new SlotWish(Kind, ["gpu"], null, Guid.CreateVersion7());
        SlotRules.RefusalOf(Room("a"), wish).ShouldBe("lacks the label gpu");
        SlotRules.RefusalOf(Room("a") with { Labels = ["gpu"] }, wish).ShouldBe("its session lives on another host");
        SlotRules.RefusalOf(Room("a") with { DiskFreeMb = 50 }, new SlotWish(Kind, [], 1)).ShouldBe("its disk has 5 % free or less");
        SlotRules.RefusalOf(Room("a") with { Probing = [Kind] }, new SlotWish(Kind, [], null)).ShouldBe("the first of its kind there has not been measured yet");
        SlotRules.RefusalOf(Room("a") with { Probing = [Kind] }, new SlotWish(Kind, [], 10)).ShouldBeNull();
        SlotRules.RefusalOf(Room("a") with { State = HostState.Draining }, new SlotWish(Kind, [], 1)).ShouldBe("draining");
        SlotRules.Choose([], new SlotWish(Kind, [], 1)).WaitsFor.ShouldBe("no host has joined");
        SlotRules.Choose([Room("b") with { State = HostState.Lost }, Room("a") with { State = HostState.Invited }], new SlotWish(Kind, [], 1))
            .WaitsFor.ShouldBe("a: has not reported yet; b: lost");
    }

    [Theory]
    [InlineData(10_000, 1_000, 1_000, 7)]
    [InlineData(10_000, 9_000, 1_000, 0)]
    [InlineData(null, null, 1_000, 0)]
    public void Slots_come_from_what_was_measured(int? memory, int? used, int expected, int slots) => SlotRules.FreeSlots(memory, used, expected).ShouldBe(slots);

    private static HostRoom Room(string name, int memory = 4_000) => new(Guid.CreateVersion7(), name, HostState.Online, [], memory, 100, 0, 1_000, 900, 0, []);
}
