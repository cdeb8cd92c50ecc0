using ControlCenter.Domain.Recovery;

namespace ControlCenter.Domain.Tests.Recovery;

public sealed class RecoveryTargetsTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void What_a_shipment_brings_was_exposed_from_its_first_event_until_it_arrived() =>
        AchievedLoss.Exposure(Now - TimeSpan.FromSeconds(12), Now).ShouldBe(TimeSpan.FromSeconds(12));

    [Fact]
    public void Idle_is_not_lag_and_neither_are_clocks_that_differ()
    {
        AchievedLoss.Exposure(null, Now).ShouldBe(TimeSpan.Zero);
        AchievedLoss.Exposure(Now + TimeSpan.FromSeconds(1), Now).ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public void A_shipment_that_does_not_come_is_the_worst_before_it_has_come()
    {
        var loss = AchievedLoss.Of(TimeSpan.FromMinutes(9), (TimeSpan.FromSeconds(14), Now - TimeSpan.FromDays(2)), TimeSpan.FromSeconds(11), Now);
        (loss.Worst, loss.WorstAt, loss.IsWithinTarget).ShouldBe((TimeSpan.FromMinutes(9), Now, false));
    }

    [Fact]
    public void The_worst_stays_the_worst_after_it_has_passed()
    {
        var loss = AchievedLoss.Of(TimeSpan.Zero, (TimeSpan.FromSeconds(14), Now - TimeSpan.FromDays(2)), TimeSpan.FromSeconds(11), Now);
        (loss.Now, loss.Worst, loss.WorstAt, loss.IsWithinTarget).ShouldBe((TimeSpan.Zero, TimeSpan.FromSeconds(14), Now - TimeSpan.FromDays(2), true));
    }

    [Fact]
    public void What_was_not_measured_is_not_within_the_target()
    {
        AchievedLoss.Of(null, null, null, Now).IsWithinTarget.ShouldBeNull();
        AchievedLoss.Of(TimeSpan.Zero, null, null, Now).Worst.ShouldBeNull();
    }

    [Fact]
    public void A_restore_is_forecast_by_the_slowest_of_those_that_were_done_taken_to_the_size_now()
    {
        MeasuredRestore[] measured = [new(Now, 100, 10), new(Now, 1000, 40)];
        RestoreForecast.Of(measured, 2000).ShouldBe(TimeSpan.FromSeconds(200));
        RestoreForecast.Of(measured, 50).ShouldBe(TimeSpan.FromSeconds(40), "a part of it does not grow with the size");
        RestoreForecast.Of([], 50).ShouldBeNull();
    }
}
