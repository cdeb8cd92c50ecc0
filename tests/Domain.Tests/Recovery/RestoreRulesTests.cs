using ControlCenter.Domain.Recovery;

namespace ControlCenter.Domain.Tests.Recovery;

public sealed class RestoreRulesTests
{
    private static readonly DateTimeOffset Base = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(100, 100, 0, true)]
    [InlineData(100, 96, 0, true)]
    [InlineData(100, 94, 0, false)]
    [InlineData(1, 0, 0.8, false)]
    [InlineData(1, 2, 0.8, true)]
    [InlineData(0, 1, 0.8, true)]
    [InlineData(1, 2, 60, true)]
    [InlineData(100, 94, 60, false)]
    public void A_moment_close_to_the_base_has_what_the_base_has_and_what_was_written_in_between(long then, long now, double secondsLater, bool passes) =>
        RestoreRules.Counts(
            DrillRules.Compare([new TableCount("events", then, null)], [new TableCount("events", now, null)]), Base, Base.AddSeconds(secondsLater)).Passed.ShouldBe(passes);
}
