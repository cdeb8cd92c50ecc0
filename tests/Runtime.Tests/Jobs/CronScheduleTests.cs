using ControlCenter.Runtime.Jobs;

namespace ControlCenter.Runtime.Tests.Jobs;

public sealed class CronScheduleTests
{
    private const string Berlin = "Europe/Berlin";

    private static DateTimeOffset Utc(string text) => DateTimeOffset.Parse(text + "Z", System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public void An_hour_of_the_day_stays_that_hour_when_summer_time_begins_and_ends()
    {
        var schedule = CronSchedule.Parse("30 3 * * *", Berlin);
        schedule.Next(Utc("2026-03-27T12:00"), 3).ShouldBe([Utc("2026-03-28T02:30"), Utc("2026-03-29T01:30"), Utc("2026-03-30T01:30")]);
        schedule.Next(Utc("2026-10-24T12:00"), 2).ShouldBe([Utc("2026-10-25T02:30"), Utc("2026-10-26T02:30")]);
    }

    [Fact]
    public void A_time_that_summer_time_leaves_out_is_made_up_for_after_the_gap() =>
        CronSchedule.Parse("30 2 * * *", Berlin).Next(Utc("2026-03-28T12:00"), 2).ShouldBe([Utc("2026-03-29T01:00"), Utc("2026-03-30T00:30")]);

    [Fact]
    public void A_time_that_comes_twice_runs_once()
    {
        CronSchedule.Parse("30 2 * * *", Berlin).Next(Utc("2026-10-24T12:00"), 2).ShouldBe([Utc("2026-10-25T00:30"), Utc("2026-10-26T01:30")]);
        CronSchedule.Parse("*/30 * * * *", Berlin).Between(Utc("2026-10-24T23:45"), Utc("2026-10-25T02:00")).Count.ShouldBe(5);
    }

    [Theory]
    [InlineData("", "It must not be empty.")]
    [InlineData("hello", "'hello' has 1 field.")]
    [InlineData("0 30 3 * * *", "'0 30 3 * * *' has 6 fields.")]
    [InlineData("61 * * * *", "'61 * * * *' cannot be read: Minute and Second values must be between 0 and 59.")]
    [InlineData("H 3 * * *", "'H 3 * * *' cannot be read:")]
    [InlineData("0 0 31 2 *", "'0 0 31 2 *' never comes: there is no such day.")]
    public void What_is_no_schedule_is_told_with_what_was_expected(string cron, string problem)
    {
        CronSchedule.Problem(cron, Utc("2026-11-21T12:00")).ShouldNotBeNull().ShouldStartWith(problem);
        CronSchedule.Problem(cron, Utc("2026-11-21T12:00"))!.ShouldContain("Expected five fields");
    }

    [Theory]
    [InlineData("30 3 * * *")]
    [InlineData("0 9 * * MON-FRI")]
    [InlineData("0 0 29 2 *")]
    public void A_schedule_that_comes_at_all_is_taken(string cron) => CronSchedule.Problem(cron, Utc("2026-11-21T12:00")).ShouldBeNull();

    [Fact]
    public void A_time_zone_is_one_that_the_host_knows()
    {
        CronSchedule.ZoneProblem("America/New_York").ShouldBeNull();
        CronSchedule.ZoneProblem("Mars/Olympus").ShouldNotBeNull().ShouldStartWith("'Mars/Olympus' is not a time zone");
    }
}
