using Bunit;
using ControlCenter.Dashboard.Jobs;
using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Jobs;

namespace ControlCenter.Tests.Dashboard;

public sealed class JobComponentTests : BunitContext
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    public JobComponentTests() => JSInterop.Mode = JSRuntimeMode.Loose;

    [Fact]
    public void Durations_are_bars_oldest_first_and_the_longest_is_as_high_as_there_is_room()
    {
        var bars = DurationBars.Of([Run(JobRunState.Running, null), Run(JobRunState.Failed, 5), Run(JobRunState.Succeeded, 10), Run(JobRunState.Missed, null)]);
        bars.Select(b => (b.Run.State, b.Height)).ShouldBe([(JobRunState.Missed, 12), (JobRunState.Succeeded, 100), (JobRunState.Failed, 50), (JobRunState.Running, 100)]);
    }

    [Fact]
    public void A_sparkline_says_in_words_what_it_shows_and_each_bar_leads_to_its_run()
    {
        var run = Run(JobRunState.Succeeded, 2);
        var line = Render<DurationSparkline>(p => p.Add(l => l.Job, "trim-history").Add(l => l.Runs, [Run(JobRunState.Failed, 1), run]));
        line.Find("svg").GetAttribute("aria-label").ShouldBe("The last 2 runs: 1 succeeded, 1 failed, 0 missed");
        line.FindAll("a")[0].GetAttribute("href").ShouldBe($"/jobs/trim-history/runs/{run.RunId}");
    }

    [Fact]
    public void A_schedule_shows_while_it_is_typed_when_it_would_run_or_what_is_wrong_with_it()
    {
        var draft = new ScheduleDraft(Now) { Cron = "30 3 * * *", TimeZone = "Europe/Berlin" };
        var fields = Render<ScheduleFields>(p => p.Add(f => f.Draft, draft));
        fields.FindAll(".next-runs li").Count.ShouldBe(5);
        fields.FindAll(".next-runs li:first-child span").Select(s => s.TextContent).ShouldBe(["Sun 22 Nov, 03:30", "Sun 02:30 UTC"]);

        fields.FindAll("input")[0].Input("61 * * * *");
        fields.FindAll(".next-runs").ShouldBeEmpty();
        fields.Find("[role=status]").TextContent.ShouldContain("cannot be read");
        fields.FindAll("input")[0].Input("0 4 * * 0");
        fields.Find("[role=status]").TextContent.ShouldContain("every Sunday at 04:00");
    }

    [Fact]
    public void What_a_job_is_doing_goes_before_how_its_last_run_ended()
    {
        var job = new JobView(
            "j", "J", "", "0 4 * * 0", "", "UTC", MissedRuns.Skip, [], null, null, 0, 60, true, false, Now, "founder", null, [Run(JobRunState.Failed, 1)], 0);
        JobWords.Look(job).Word.ShouldBe("Failed");
        JobWords.FilterOf(job).ShouldBe("failed");
        JobWords.Look(job with { PausedAt = Now }).Word.ShouldBe("Paused");
        JobWords.Look(job with { PausedAt = Now, Lease = new JobLeaseView(Guid.NewGuid(), "h", 1, Now, Now) }).Word.ShouldBe("Running");
        JobWords.Look(job with { LastRuns = [] }).Word.ShouldBe("Not run yet");
    }

    private static JobRunBrief Run(JobRunState state, double? seconds) =>
        new(Guid.CreateVersion7(), state, Now, seconds is { } s ? Now.AddSeconds(s) : null, null, null, null);
}
