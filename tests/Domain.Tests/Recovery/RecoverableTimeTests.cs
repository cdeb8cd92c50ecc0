using ControlCenter.Domain.Recovery;

namespace ControlCenter.Domain.Tests.Recovery;

public sealed class RecoverableTimeTests
{
    private const ulong Segment = WalSegment.DefaultBytes;
    private static readonly DateTimeOffset Noon = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly BaseBackup Base = BaseAt(10, 0);

    [Fact]
    public void An_unbroken_chain_reaches_to_the_last_shipment()
    {
        var map = RecoverableTime.Of([Base], Segments(10, 11, 12), [Shipment(11, 5), Shipment(12, 9)]);
        map.Ranges.ShouldBe([new RecoverableRange(Noon, Noon.AddMinutes(9), Base.Id)]);
        map.Gaps.ShouldBeEmpty();
        map.Contains(Noon.AddMinutes(4)).ShouldBeTrue();
        map.Contains(Noon.AddMinutes(10)).ShouldBeFalse();
        map.Contains(Noon.AddMinutes(-1)).ShouldBeFalse();
    }

    [Fact]
    public void What_lies_beyond_a_missing_segment_is_not_promised_however_new_it_is()
    {
        var map = RecoverableTime.Of([Base], Segments(10, 11, 13), [Shipment(11, 5), Shipment(12, 7), Shipment(13, 9)]);
        map.Latest.ShouldBe(Noon.AddMinutes(5));
        map.Gaps.ShouldBe([new WalGap(1, 12, 1)]);
    }

    [Fact]
    public void A_segment_that_is_there_in_part_is_good_to_its_last_shipment_and_log_beyond_it_lies_beyond_a_gap()
    {
        var map = RecoverableTime.Of([Base], [.. Segments(10, 12), Part(11)], [Shipment(10, 1), Shipment(11, 5), Shipment(12, 9)]);
        map.Latest.ShouldBe(Noon.AddMinutes(5));
        map.Gaps.ShouldBe([new WalGap(1, 11, 1)]);
    }

    [Fact]
    public void The_segment_that_is_being_received_is_no_gap() =>
        RecoverableTime.Of([Base], [.. Segments(10), Part(11)], [Shipment(10, 1), Shipment(11, 5)]).ShouldSatisfyAllConditions(
            map => map.Latest.ShouldBe(Noon.AddMinutes(5)), map => map.Gaps.ShouldBeEmpty());

    [Fact]
    public void A_segment_that_was_shipped_in_part_and_then_to_its_end_is_whole() =>
        RecoverableTime.Of([Base], [.. Segments(10, 11, 12), Part(11)], [Shipment(11, 5), Shipment(12, 9)]).ShouldSatisfyAllConditions(
            map => map.Latest.ShouldBe(Noon.AddMinutes(9)), map => map.Gaps.ShouldBeEmpty());

    [Fact]
    public void A_segment_that_was_shipped_to_its_end_before_it_had_its_last_name_is_whole() =>
        RecoverableTime.Of([Base], [.. Segments(10, 12), Part(11)], [new WalShipment(Noon.AddMinutes(5), 1, new Lsn(12 * Segment)), Shipment(12, 9)]).ShouldSatisfyAllConditions(
            map => map.Latest.ShouldBe(Noon.AddMinutes(9)), map => map.Gaps.ShouldBeEmpty());

    [Fact]
    public void A_later_base_begins_anew_after_a_gap()
    {
        var later = BaseAt(14, 20);
        var map = RecoverableTime.Of([later, Base], Segments(10, 14, 15), [Shipment(10, 1), Shipment(15, 25)]);
        map.Ranges.ShouldBe([new RecoverableRange(Noon, Noon.AddMinutes(1), Base.Id), new RecoverableRange(Noon.AddMinutes(20), Noon.AddMinutes(25), later.Id)]);
        map.Gaps.ShouldBe([new WalGap(1, 11, 3)]);
        map.Contains(Noon.AddMinutes(10)).ShouldBeFalse();
    }

    [Fact]
    public void Two_bases_on_one_chain_are_one_range_that_ends_with_the_newer()
    {
        var later = BaseAt(12, 6);
        var map = RecoverableTime.Of([Base, later], Segments(10, 11, 12, 13), [Shipment(11, 5), Shipment(13, 9)]);
        map.Ranges.ShouldBe([new RecoverableRange(Noon, Noon.AddMinutes(9), later.Id)]);
    }

    [Fact]
    public void A_base_whose_own_log_is_missing_restores_nothing()
    {
        var map = RecoverableTime.Of([Base], [], [Shipment(11, 5)]);
        map.Ranges.ShouldBeEmpty();
        map.Latest.ShouldBeNull();
        map.Gaps.ShouldBe([new WalGap(1, 10, 2)]);
    }

    [Fact]
    public void A_base_with_its_own_log_and_nothing_more_restores_its_one_moment() =>
        RecoverableTime.Of([Base], Segments(10), []).Ranges.ShouldBe([new RecoverableRange(Noon, Noon, Base.Id)]);

    [Fact]
    public void Log_of_another_timeline_carries_no_base() =>
        RecoverableTime.Of([Base], [new WalSegment(2, 10), new WalSegment(2, 11)], [new WalShipment(Noon.AddMinutes(5), 2, At(11))]).Ranges.ShouldBeEmpty();

    [Fact]
    public void Without_a_base_there_is_nothing_to_restore() => RecoverableTime.Of([], Segments(1, 2, 3), [Shipment(3, 5)]).ShouldSatisfyAllConditions(
        map => map.Ranges.ShouldBeEmpty(), map => map.Gaps.ShouldBeEmpty());

    private static BaseBackup BaseAt(ulong segment, int minute) =>
        new(Guid.CreateVersion7(), 1, new Lsn((segment * Segment) + 40), new Lsn((segment * Segment) + 400), Noon.AddMinutes(minute));

    private static Lsn At(ulong segment) => new((segment * Segment) + 1000);

    private static WalShipment Shipment(ulong segment, int minute) => new(Noon.AddMinutes(minute), 1, At(segment));

    private static WalSegment Part(ulong number) => new(1, number, IsPartial: true);

    private static WalSegment[] Segments(params ulong[] numbers) => [.. numbers.Select(n => new WalSegment(1, n))];
}
