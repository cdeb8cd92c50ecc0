using ControlCenter.Dashboard.Work;
using ControlCenter.Domain.Work;
using static ControlCenter.Tests.Dashboard.Samples;

namespace ControlCenter.Tests.Dashboard;

public sealed class TaskStoryTests
{
    [Fact]
    public void A_takeover_says_from_whom_and_from_which_checkpoint()
    {
        var first = Lease(1, "alpha", 0, 60, LeaseEnd.Expired);
        var second = Lease(2, "beta", 61);
        var story = TaskStory.Of(Task(TaskState.Running, [first, second]), [Checkpoint(first, 30)]);

        story.Holdings[0].Takeover.ShouldBeNull();
        story.Holdings[0].Outcome.ShouldStartWith("Fell silent and lost the lease");
        story.Holdings[0].Checkpoints.Count.ShouldBe(1);
        story.Holdings[1].Takeover.ShouldBe("Took over from alpha, from the checkpoint that was saved in attempt 1.");
        story.Holdings[1].Outcome.ShouldBe("Holds the task.");
    }

    [Fact]
    public void A_takeover_without_a_checkpoint_says_that_it_began_anew()
    {
        var story = TaskStory.Of(Task(TaskState.Running, [Lease(1, "alpha", 0, 60, LeaseEnd.Expired), Lease(2, "alpha", 61)]), []);
        story.Holdings[1].Takeover.ShouldBe("Took it again, from the start: no checkpoint had been saved.");
    }

    [Fact]
    public void Progress_belongs_to_the_lease_under_which_it_was_reported()
    {
        var story = TaskStory.Of(
            Task(
                TaskState.Running,
                [Lease(1, "alpha", 0, 60, LeaseEnd.Expired), Lease(2, "beta", 61)],
                Activity(1, 10, "alpha", "task.progress", """{"percent":20,"message":"began"}"""),
                Activity(2, 70, "beta", "task.progress", """{"percent":40}"""),
                Activity(3, 80, "beta", "task.progress", """{"message":"goes on"}""")),
            []);
        (story.Holdings[0].Percent, story.Holdings[0].Message).ShouldBe((20, "began"));
        (story.Holdings[1].Percent, story.Holdings[1].Message).ShouldBe((40, "goes on"));
    }

    [Fact]
    public void Reports_in_a_row_are_one_line_that_can_be_opened()
    {
        var story = TaskStory.Of(
            Task(
                TaskState.Running, [Lease(1, "alpha", 0)],
                Activity(1, 0, "alpha", "task.claimed", """{"fencing_token":1}"""),
                Activity(2, 1, "alpha", "task.progress", """{"percent":10}"""),
                Activity(3, 2, "alpha", "task.progress", """{"percent":20}"""),
                Activity(4, 3, "alpha", "task.progress", """{"percent":30}"""),
                Activity(5, 4, "alpha", "task.checkpoint", """{"size_bytes":5}""")),
            []);
        story.Lines.Select(l => l.Kind).ShouldBe(["task.claimed", "task.progress", "task.checkpoint"]);
        story.Lines[0].Text.ShouldBe("Taken: attempt 1 of 3");
        story.Lines[1].Text.ShouldBe("30 %");
        story.Lines[1].Folded.Select(f => f.Text).ShouldBe(["10 %", "20 %"]);
    }

    [Fact]
    public void One_thing_that_two_events_tell_is_one_line()
    {
        var lease = Lease(1, "alpha", 0, 60, LeaseEnd.Expired);
        var story = TaskStory.Of(
            Task(
                TaskState.Ready, [lease],
                Activity(1, 5, "alpha", "task.waiting_human"),
                Activity(2, 5, "alpha", "escalation.opened", """{"title":"May I?"}""", "escalation:7"),
                Activity(3, 60, "control-center", "lease.expired", $$"""{"lease_id":"{{lease.LeaseId}}","expired_attempt":1}"""),
                Activity(4, 60, "control-center", "task.ready", """{"attempt":2}""")),
            []);
        story.Lines.Select(l => l.Kind).ShouldBe(["escalation.opened", "lease.expired"]);
        story.Lines[0].Href.ShouldBe("/escalations/7");
        story.Lines[1].Text.ShouldBe("alpha fell silent: its lease ran out after 1 min 0 s. The task is ready for another attempt.");
    }

    [Fact]
    public void Only_the_newest_holdings_stand_side_by_side_and_the_rest_are_counted()
    {
        var leases = Enumerable.Range(1, 20).Select(i => Lease(i, "alpha", i * 100, (i * 100) + 60, LeaseEnd.Released)).ToList();
        var story = TaskStory.Of(Task(TaskState.Ready, leases), []);
        story.Holdings.Count.ShouldBe(12);
        story.Earlier.ShouldBe(8);
        story.Holdings[^1].Lease.Attempt.ShouldBe(20);
    }
}
