using ControlCenter.Domain.Recovery;

namespace ControlCenter.Domain.Tests.Recovery;

public sealed class DrillRulesTests
{
    private static readonly DateTimeOffset Taken = new(2026, 6, 1, 3, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(100, 100, true, 0.0)]
    [InlineData(100, 95, true, 5.0)]
    [InlineData(100, 105, true, 5.0)]
    [InlineData(100, 1_100, true, 1_000.0)]
    [InlineData(100, 1_101, false, 1_001.0)]
    [InlineData(0, 1_001, false, null)]
    [InlineData(1000, 949, false, 5.1)]
    [InlineData(0, 0, true, 0.0)]
    [InlineData(0, 1, true, null)]
    [InlineData(1, 0, false, 100.0)]
    public void A_table_may_be_five_percent_off_its_manifest_and_have_what_was_being_committed_then(long expected, long found, bool passed, double? drift)
    {
        var verdict = DrillRules.Compare([new("t", expected, null)], [new("t", found, null)]).ShouldHaveSingleItem();
        verdict.Passed.ShouldBe(passed);
        verdict.DriftPercent.ShouldBe((decimal?)drift);
    }

    [Fact]
    public void A_table_that_is_on_one_side_only_has_not_passed() =>
        DrillRules.Compare([new("gone", 0, null)], [new("new", 0, null)]).Select(v => (v.Table, v.Passed)).ShouldBe([("gone", false), ("new", false)]);

    [Fact]
    public void The_newest_row_of_all_tables_says_how_fresh_it_is()
    {
        DrillRules.AgeOfNewest([new("a", 1, Taken.AddHours(-30)), new("b", 1, Taken.AddHours(-2)), new("c", 0, null)], Taken).ShouldBe(TimeSpan.FromHours(2));
        DrillRules.AgeOfNewest([new("c", 0, null)], Taken).ShouldBeNull();
    }
}
