using Bunit;
using ControlCenter.Dashboard.Recovery;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Restore;

namespace ControlCenter.Tests.Dashboard;

public sealed class RecoveryComponentTests : BunitContext
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    private static readonly RecoveryFigures Proven = new(11, Now - TimeSpan.FromDays(1), 10, 100, 1_000_000, [], null, Now - TimeSpan.FromDays(3), false, [], []);

    public RecoveryComponentTests() => JSInterop.Mode = JSRuntimeMode.Loose;

    [Fact]
    public void What_can_be_restored_is_one_sentence_and_good_only_where_nothing_speaks_against_it()
    {
        var sentence = RecoverySentence.Of(State(), Proven, []);
        (sentence.Tone, sentence.Word).ShouldBe(("good", "Restorable"));
        sentence.Problems.ShouldBeEmpty();
        Said(sentence).ShouldBe("Restorable to any second from 11-11 12:00 to 11-21 12:00; last proven 11-18 12:00");
    }

    [Theory]
    [InlineData("damaged", "bad", "Damaged")]
    [InlineData("late", "bad", "Behind")]
    [InlineData("drill", "bad", "Drill failed")]
    [InlineData("scenario", "bad", "Drill failed")]
    [InlineData("critical", "bad", "Failing")]
    [InlineData("unreadable", "bad", "Unknown")]
    [InlineData("nothing", "bad", "Nothing yet")]
    [InlineData("none", "bad", "No backups")]
    [InlineData("gap", "warn", "With gaps")]
    [InlineData("unproven", "warn", "Not proven")]
    [InlineData("beside", "warn", "On one disk")]
    [InlineData("unread", "warn", "Not read back")]
    [InlineData("warning", "warn", "Look at this")]
    public void Anything_that_speaks_against_it_is_said_and_never_shown_as_well(string what, string tone, string word)
    {
        var (state, figures) = (State(), Proven);
        StandingProblem[] standing = [];
        switch (what)
        {
            case "damaged": state = state with { LastCheckSound = false }; break;
            case "late": state = state with { LagSeconds = 301 }; break;
            case "drill": figures = figures with { LastProofFailed = true }; break;
            case "scenario": figures = figures with { FailedDrills = [DrillScenario.Services] }; break;
            case "critical": standing = [Problem(AlertSeverity.Critical)]; break;
            case "warning": standing = [Problem(AlertSeverity.Warning)]; break;
            case "unreadable": state = state with { Problem = "The password does not open it." }; break;
            case "nothing": state = state with { Ranges = [] }; break;
            case "none": state = state with { Configured = false }; break;
            case "gap": state = state with { Ranges = [Range(-10, -5), Range(-4, 0)] }; break;
            case "unproven": figures = figures with { ProvenAt = null }; break;
            case "beside": state = state with { BesideData = true }; break;
            default: state = state with { LastCheckAt = null, LastCheckSound = null }; break;
        }

        var sentence = RecoverySentence.Of(state with { Problems = [.. standing.Select(p => p.Title)] }, figures, standing);
        (sentence.Tone, sentence.Word).ShouldBe((tone, word));
    }

    [Fact]
    public void The_map_has_what_can_be_restored_what_cannot_and_what_is_on_its_way()
    {
        var map = RecoveryMap.Of(State() with { Ranges = [Range(-10, -5), Range(-4, -.5)], Latest = Now.AddDays(-.5), LagSeconds = 20 }, [], Now, TimeSpan.FromDays(10));
        map.Stretches.Select(s => (s.Kind, s.Left, s.Width)).ShouldBe(
            [(StretchKind.Restorable, 0, 50), (StretchKind.Gap, 50, 10), (StretchKind.Restorable, 60, 35), (StretchKind.OnItsWay, 95, 5)]);
    }

    [Fact]
    public void Idle_time_is_no_lag_and_what_is_behind_for_too_long_is_late()
    {
        Last(0).ShouldBe(StretchKind.Idle);
        Last(300).ShouldBe(StretchKind.OnItsWay);
        Last(301).ShouldBe(StretchKind.Late);

        static StretchKind Last(long lag) => RecoveryMap.Of(State() with { Ranges = [Range(-10, -1)], Latest = Now.AddDays(-1), LagSeconds = lag }, [], Now, null).Stretches[^1].Kind;
    }

    [Fact]
    public void Every_slice_that_can_be_pointed_at_is_a_moment_that_can_be_restored()
    {
        var state = State() with { Ranges = [Range(-10, -5), Range(-4.99, -.5)] };
        var map = RecoveryMap.Of(state, [], Now, TimeSpan.FromDays(20));
        map.Slices.Count.ShouldBeInRange(50, 65);
        map.Slices.ShouldAllBe(s => state.Ranges.Any(r => r.From <= s.At && s.At <= r.To));
    }

    [Fact]
    public void A_map_of_a_window_ends_half_a_window_after_the_moment_and_never_after_now()
    {
        RestoreMoment.EdgeOf("1h", Now.AddHours(-5), Now).ShouldBe(Now.AddHours(-4.5));
        RestoreMoment.EdgeOf("1h", Now.AddMinutes(-5), Now).ShouldBe(Now);
        RestoreMoment.EdgeOf(null, Now.AddHours(-5), Now).ShouldBe(Now);
    }

    [Fact]
    public void A_moment_is_told_to_the_microsecond_and_just_before_an_event_the_event_is_not_there()
    {
        var at = new DateTimeOffset(2026, 3, 30, 16, 30, 0, TimeSpan.FromHours(2)).AddMicroseconds(250);
        RestoreMoment.Text(RestoreMoment.JustBefore(at)).ShouldBe("2026-03-30T14:30:00.000249Z");
        RestoreMoment.Parse("2026-03-30T14:30:00.000249Z").ShouldBe(at.AddMicroseconds(-1));
        RestoreMoment.Parse("yesterday").ShouldBeNull();
    }

    [Fact]
    public void What_would_be_missed_is_said_in_words()
    {
        RestoreMoment.Words(new LostWork(0, 0, 0)).ShouldBe("");
        RestoreMoment.Words(new LostWork(1, 0, 0)).ShouldBe(", among them 1 completed task");
        RestoreMoment.Words(new LostWork(1200, 1, 2)).ShouldBe(", among them 1,200 completed tasks, 1 new ticket and 2 decisions");
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1_400_000_000, "1.4 GB")]
    [InlineData(999_960, "1 MB")]
    [InlineData(123_456_789, "123 MB")]
    public void Sizes_are_read_in_their_largest_unit(long bytes, string words) => RecoveryWords.Bytes(bytes).ShouldBe(words);

    [Theory]
    [InlineData("/mnt/elsewhere/cc", "Folder", "/mnt/elsewhere/cc", true)]
    [InlineData("rest:https://cc:secret@backup.example/cc", "REST server", "rest:https://backup.example/cc", false)]
    [InlineData("s3:https://s3.example/bucket", "S3", "s3:https://s3.example/bucket", false)]
    [InlineData("b2:bucket:path@here", "Backblaze B2", "b2:bucket:path@here", false)]
    public void A_repository_is_named_without_its_password(string repository, string kind, string address, bool isLocal) =>
        RepositoryPlace.Of(repository).ShouldBe(new RepositoryPlace(kind, address, isLocal));

    [Fact]
    public void A_milestone_says_that_it_waits_for_its_review_and_tells_which_was_reviewed()
    {
        var backup = new BackupView(Guid.NewGuid(), "base", "succeeded", "before 42", true, Now, Now, "s", Now, 1, 1, 1, null, null, null, null);
        var draft = new BackupDraft { Kind = "dump", IsMilestone = true, Reason = " before 42 " };
        draft.ToRequest().Payload!.Value.GetProperty("milestone").GetBoolean().ShouldBeFalse("only a base can be held");
        draft.ToRequest().Payload!.Value.GetProperty("reason").GetString().ShouldBe("before 42");
        RecoveryWords.Look(backup).Word.ShouldBe("Taken");
        RecoveryWords.Look(backup with { RemovedAt = Now }).Word.ShouldBe("Removed");
        RecoveryWords.Kept([KeptAs.Daily, KeptAs.Milestone]).ShouldBe("daily, milestone");
    }

    private static RecoveryState State() => new(true, false, [Range(-10, 0)], [], Now, 0, Now.AddDays(-1), Now.AddHours(-8), true, null);

    private static RecoverableRange Range(double from, double to) => new(Now.AddDays(from), Now.AddDays(to), Guid.Empty);

    private static StandingProblem Problem(AlertSeverity severity) => new("slot", severity, "The slot is nearly full.", "", "", Now);

    private static string Said(RecoverySentence sentence) => string.Concat(sentence.Parts.Select(p => p.Text ?? $"{p.At:MM-dd HH:mm}"));
}
