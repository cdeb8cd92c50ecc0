using ControlCenter.Domain.Recovery;

namespace ControlCenter.Domain.Tests.Recovery;

public sealed class WalSegmentTests
{
    [Theory]
    [InlineData("000000010000000000000011", 1, 0x11, false)]
    [InlineData("0000000A00000002000000FF.partial", 10, (2 * 256) + 255, true)]
    public void A_file_is_known_by_its_name_and_gives_it_back(string name, uint timeline, ulong number, bool partial)
    {
        var segment = WalSegment.TryParse(name).ShouldNotBeNull();
        segment.ShouldBe(new WalSegment(timeline, number, partial));
        segment.FileName().ShouldBe(name);
    }

    [Theory]
    [InlineData("00000002.history")]
    [InlineData("000000010000000000000100")]
    [InlineData("00000001000000000000001g")]
    [InlineData("00000000000000000000001A")]
    [InlineData("0000000100000000000000aa")]
    [InlineData("00000001000000000000001")]
    [InlineData("")]
    public void Another_kind_of_file_is_not_taken_for_one(string name) => WalSegment.TryParse(name).ShouldBeNull();

    [Theory]
    [InlineData("16/B374D848")]
    [InlineData("0/0")]
    [InlineData("FFFFFFFF/FFFFFFFF")]
    public void A_place_is_read_and_written_as_postgresql_does(string text) => Lsn.TryParse(text).ShouldNotBeNull().ToString().ShouldBe(text);

    [Theory]
    [InlineData("16")]
    [InlineData("/1")]
    [InlineData("1/")]
    [InlineData("123456789/0")]
    [InlineData(null)]
    public void What_is_no_place_is_refused(string? text) => Lsn.TryParse(text).ShouldBeNull();

    [Fact]
    public void Segments_of_another_size_are_counted_by_it()
    {
        const uint OneGiB = 1024 * 1024 * 1024;
        WalSegment.At(1, new Lsn(5UL * OneGiB), OneGiB).FileName(OneGiB).ShouldBe("000000010000000100000001");
        WalSegment.TryParse("000000010000000100000001", OneGiB).ShouldNotBeNull().Start(OneGiB).ShouldBe(new Lsn(5UL * OneGiB));
        WalSegment.TryParse("000000010000000100000004", OneGiB).ShouldBeNull();
    }
}
