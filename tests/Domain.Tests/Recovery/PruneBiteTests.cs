using ControlCenter.Domain.Recovery;

namespace ControlCenter.Domain.Tests.Recovery;

public sealed class PruneBiteTests
{
    [Fact]
    public void What_restic_says_of_its_plan_is_what_a_bite_came_to()
    {
        var bite = PruneBite.Of(
            """
            to repack:           510 blobs / 243.250 MiB
            this removes:        251 blobs / 119.699 MiB
            to delete:             0 blobs / 0 B
            total prune:         251 blobs / 1.500 GiB
            remaining:           746 blobs / 357.000 MiB
            unused size after prune: 45.781 MiB (12.06% of remaining size)
            """).ShouldNotBeNull();
        bite.ShouldBe(new PruneBite(255066112, 1610612736));
        bite.IsLast.ShouldBeFalse();
    }

    [Theory]
    [InlineData("to repack:             0 blobs / 0 B\ntotal prune:           0 blobs / 0 B", true)]
    [InlineData("to repack:             0 blobs / 0 B\ntotal prune:         480 blobs / 343.843 MiB", true)]
    [InlineData("to repack:            12 blobs / 3.000 MiB\ntotal prune:           0 blobs / 0 B", true)]
    [InlineData("to repack:            12 blobs / 700 B\ntotal prune:           1 blobs / 12 B", false)]
    public void It_is_the_last_once_nothing_more_is_freed_by_writing_anew(string said, bool isLast) => PruneBite.Of(said)!.IsLast.ShouldBe(isLast);

    [Fact]
    public void What_is_said_in_other_words_is_not_guessed_at() => PruneBite.Of("nothing to do").ShouldBeNull();

    [Theory]
    [InlineData(64, 1, 128)]
    [InlineData(64, 40, 96)]
    [InlineData(64, 60, 64)]
    [InlineData(1024, 120, 512)]
    [InlineData(1024, 3600, 256)]
    [InlineData(64, 3600, 32)]
    [InlineData(8192, 1, 8192)]
    public void The_next_is_so_large_that_it_takes_about_a_minute(long mebibytes, int seconds, long next) =>
        PruneBite.Next(mebibytes << 20, TimeSpan.FromSeconds(seconds)).ShouldBe(next << 20);
}
