using ControlCenter.Domain.Recovery;

namespace ControlCenter.Domain.Tests.Recovery;

public sealed class DrillGateTests
{
    private static readonly DateTimeOffset Taken = new(2026, 11, 1, 3, 0, 0, TimeSpan.Zero);

    [Fact]
    public void After_a_failure_the_next_drill_waits_for_its_root_cause()
    {
        DrillRules.MayRun([]).ShouldBeTrue();
        DrillRules.MayRun([(DrillState.Passed, false), (DrillState.Failed, false)]).ShouldBeTrue();
        DrillRules.MayRun([(DrillState.Failed, false), (DrillState.Passed, false)]).ShouldBeFalse();
        DrillRules.MayRun([(DrillState.Failed, true), (DrillState.Failed, false)]).ShouldBeTrue();
    }

    [Theory]
    [InlineData(DrillState.BrokenOff)]
    [InlineData(DrillState.NotPossible)]
    public void A_drill_that_came_to_no_verdict_neither_holds_the_next_back_nor_lets_it_go(DrillState none)
    {
        DrillRules.MayRun([(none, false), (DrillState.Failed, false)]).ShouldBeFalse();
        DrillRules.MayRun([(none, false), (DrillState.Passed, false)]).ShouldBeTrue();
        DrillRules.FailedInARow([none, DrillState.Failed, none, DrillState.Failed, DrillState.Passed, DrillState.Failed]).ShouldBe(2);
    }

    [Fact]
    public void A_database_in_which_nothing_was_written_for_days_is_as_fresh_as_it_can_be()
    {
        TableCount[] idle = [new("tasks", 4, Taken.AddDays(-3))];
        DrillRules.IsFresh(idle, idle, Taken).ShouldBeTrue();
        DrillRules.IsFresh([new("tasks", 4, Taken.AddHours(-1))], idle, Taken).ShouldBeFalse();
        DrillRules.IsFresh([new("tasks", 4, Taken)], [new("tasks", 4, Taken.AddHours(-23))], Taken).ShouldBeTrue();
        DrillRules.IsFresh([new("tasks", 4, Taken)], [new("tasks", 0, null)], Taken).ShouldBeFalse();
    }

    [Fact]
    public void Each_of_the_blueprints_eight_causes_has_its_drill() =>
        RecoveryCauses.All.Select(c => c.Cause).ShouldBe(Enum.GetValues<RecoveryCause>());
}
