using ControlCenter.Domain.Jobs;

namespace ControlCenter.Domain.Tests.Jobs;

public sealed class JobRulesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 30, TimeSpan.Zero);

    private static readonly DateTimeOffset[] AfterADay = [.. Enumerable.Range(0, 25).Select(h => new DateTimeOffset(2026, 11, 20, 12, 0, 0, TimeSpan.Zero).AddHours(h))];

    [Fact]
    public void A_slot_that_has_just_come_is_run_by_every_policy()
    {
        foreach (var policy in Enum.GetValues<MissedRuns>())
        {
            MissedRunRules.Decide([Now.AddSeconds(-30)], Now, policy).Slots.ShouldBe([new DueSlot(Now.AddSeconds(-30), IsRun: true)], policy.ToString());
        }
    }

    [Fact]
    public void After_a_downtime_each_policy_does_what_it_says()
    {
        MissedRunRules.Decide(AfterADay[..^1], Now, MissedRuns.Skip).Slots.ShouldAllBe(s => !s.IsRun);
        MissedRunRules.Decide(AfterADay, Now, MissedRuns.Skip).Slots.Where(s => s.IsRun).ShouldBe([new DueSlot(AfterADay[^1], true)]);
        MissedRunRules.Decide(AfterADay[..^1], Now, MissedRuns.RunOnce).Slots.Where(s => s.IsRun).ShouldBe([new DueSlot(AfterADay[^2], true)]);
        MissedRunRules.Decide(AfterADay, Now, MissedRuns.RunOnce).Missed.ShouldBe(24);
        MissedRunRules.Decide(AfterADay, Now, MissedRuns.RunAll).Slots.Select(s => s.At).ShouldBe(AfterADay);
        MissedRunRules.Decide(AfterADay, Now, MissedRuns.RunAll).Missed.ShouldBe(0);
    }

    [Fact]
    public void No_downtime_makes_more_than_a_hundred_rows()
    {
        var month = Enumerable.Range(0, 43_200).Select(m => Now.AddMinutes(m - 43_200)).ToList();
        var slots = MissedRunRules.Decide(month, Now, MissedRuns.RunAll);
        slots.Slots.Count.ShouldBe(MissedRunRules.MostSlots);
        slots.Slots[^1].At.ShouldBe(month[^1]);
        slots.Missed.ShouldBe(43_100);
    }

    [Fact]
    public void Waits_between_attempts_double_up_to_an_hour_and_attempts_come_to_an_end()
    {
        var rules = new RetryRules(8, TimeSpan.FromMinutes(1));
        Enumerable.Range(1, 9).Select(n => rules.NextAfter(AttemptEnd.Failed, n, 0)?.TotalMinutes)
            .ShouldBe([1, 2, 4, 8, 16, 32, 60, 60, null]);
        rules.NextAfter(AttemptEnd.Refused, 1, 0).ShouldBeNull();
    }

    [Fact]
    public void An_attempt_that_was_lost_with_its_host_is_made_again_at_once_but_not_for_ever()
    {
        var rules = new RetryRules(0, TimeSpan.FromMinutes(1));
        rules.NextAfter(AttemptEnd.Lost, 0, 1).ShouldBe(TimeSpan.Zero);
        rules.NextAfter(AttemptEnd.Lost, 0, RetryRules.MostLost).ShouldBeNull();
        rules.NextAfter(AttemptEnd.Failed, 1, 1).ShouldBeNull();
    }

    [Theory]
    [InlineData("* * * * *", "every minute")]
    [InlineData("*/15 * * * *", "every 15 minutes")]
    [InlineData("0 * * * *", "every hour")]
    [InlineData("5 */6 * * *", "every 6 hours at 5 past")]
    [InlineData("30 3 * * *", "every day at 03:30")]
    [InlineData("0 9 * * 1-5", "Monday to Friday at 09:00")]
    [InlineData("0 4 * * 0", "every Sunday at 04:00")]
    [InlineData("0 4 * * wed", "every Wednesday at 04:00")]
    [InlineData("0 2 1 * *", "on the 1st of every month at 02:00")]
    [InlineData("0 2 13 * *", "on the 13th of every month at 02:00")]
    [InlineData("0 2 22 * *", "on the 22nd of every month at 02:00")]
    [InlineData("0 2 1-7 * 1", "by 0 2 1-7 * 1")]
    public void A_schedule_is_told_in_words(string cron, string words) => ScheduleWords.Of(cron).ShouldBe(words);
}
