using ControlCenter.Domain.Recovery;

namespace ControlCenter.Domain.Tests.Recovery;

public sealed class RecoveryWatchTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 30, 12, 0, 0, TimeSpan.Zero);

    private static readonly BaseBackup Base = new(Guid.CreateVersion7(), 1, new Lsn(WalSegment.DefaultBytes), new Lsn(WalSegment.DefaultBytes + 100), Now.AddHours(-9));

    private static RecoveryReading Well => new(Now, Now.AddDays(-30))
    {
        LastBaseAt = Now.AddHours(-9),
        LastSoundCheckAt = Now.AddHours(-8),
        SlotStatus = "reserved",
        SlotSafeBytes = 4L << 30,
        SlotCapBytes = 4L << 30,
        Timeline = 1,
        Bases = [Base],
        Map = new RecoverableTime([new RecoverableRange(Base.ConsistentAt, Now, Base.Id)], []),
    };

    [Fact]
    public void Nothing_is_told_where_nothing_is_wrong() => RecoveryWatch.Problems(Well).ShouldBeEmpty();

    [Theory]
    [InlineData(4 * 60, false)]
    [InlineData(5 * 60, false)]
    [InlineData((5 * 60) + 1, true)]
    public void Log_may_be_behind_for_five_minutes(int seconds, bool told) =>
        Causes(Well with { BehindSince = Now.AddSeconds(-seconds) }).ShouldBe(told ? ["log-lag"] : []);

    [Fact]
    public void An_idle_database_is_never_behind() => Causes(Well with { BehindSince = null }).ShouldBeEmpty();

    [Theory]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public void Three_failures_in_a_row_are_told_with_the_last_ones_text(int failures, bool told)
    {
        var problems = RecoveryWatch.Problems(Well with { Failures = failures, LastFailure = "restic could not upload (x)." });
        problems.Select(p => p.Cause).ShouldBe(told ? ["log-failing"] : []);
        problems.ShouldAllBe(p => p.Detail == "restic could not upload (x).");
    }

    [Theory]
    [InlineData(RepositoryFault.Unreachable, "repository-unreachable")]
    [InlineData(RepositoryFault.Hanging, "repository-hanging")]
    [InlineData(RepositoryFault.WrongPassword, "repository-password")]
    [InlineData(RepositoryFault.Missing, "repository-missing")]
    [InlineData(RepositoryFault.Full, "repository-full")]
    public void A_repository_that_cannot_be_used_is_one_alert_and_what_follows_from_it_is_no_other(RepositoryFault fault, string cause) =>
        Causes(Well with { Fault = fault, FaultText = "why", Failures = 7, LastFailure = "why" }).ShouldBe([cause]);

    [Theory]
    [InlineData(EscrowFault.Missing, "is not there")]
    [InlineData(EscrowFault.Unreadable, "cannot be read")]
    [InlineData(EscrowFault.Wrong, "does not open the repository")]
    public void A_second_copy_of_the_password_that_is_none_is_told_of(EscrowFault fault, string words)
    {
        var problem = RecoveryWatch.Problems(Well with { Escrow = fault }).ShouldHaveSingleItem();
        (problem.Cause, problem.Severity, problem.Title).ShouldBe(("password-escrow", AlertSeverity.Warning, $"The second copy of the repository's password {words}."));
        problem.Detail.ShouldBe("It has never opened the repository.");
    }

    [Fact]
    public void A_base_is_overdue_after_26_hours()
    {
        Causes(Well with { LastBaseAt = Now.AddHours(-26) }).ShouldBeEmpty();
        Causes(Well with { LastBaseAt = Now.AddHours(-26).AddSeconds(-1) }).ShouldBe(["base-overdue"]);
    }

    [Fact]
    public void Before_the_first_base_that_is_said_at_once_and_is_critical_after_26_hours()
    {
        var none = Well with { LastBaseAt = null, Bases = [], Map = new RecoverableTime([], []) };
        RecoveryWatch.Problems(none with { WatchedSince = Now.AddMinutes(-1) }).ShouldHaveSingleItem().Severity.ShouldBe(AlertSeverity.Warning);
        RecoveryWatch.Problems(none with { WatchedSince = Now.AddHours(-27) }).ShouldHaveSingleItem().Severity.ShouldBe(AlertSeverity.Critical);
    }

    [Fact]
    public void A_restored_cluster_without_a_base_of_its_own_is_told_of() => Causes(Well with { Timeline = 2 }).ShouldBe(["base-timeline"]);

    [Fact]
    public void A_base_without_its_log_is_told_of_once_the_log_could_have_come()
    {
        var bare = Base with { Id = Guid.CreateVersion7(), ConsistentAt = Now.AddMinutes(-4) };
        Causes(Well with { Bases = [Base, bare], Map = new RecoverableTime([new RecoverableRange(Base.ConsistentAt, Now.AddMinutes(-5), Base.Id)], []) }).ShouldBeEmpty();
        RecoveryWatch.Problems(Well with { Bases = [Base], Map = new RecoverableTime([], []) }).ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            p => p.Cause.ShouldBe("base-without-log"), p => p.Severity.ShouldBe(AlertSeverity.Critical));
    }

    [Theory]
    [InlineData(5UL, AlertSeverity.Critical)]
    [InlineData(0UL, AlertSeverity.Warning)]
    public void A_gap_after_the_newest_base_is_worse_than_one_before_it(ulong missing, AlertSeverity severity) =>
        RecoveryWatch.Problems(Well with { Map = Well.Map! with { Gaps = [new WalGap(1, missing, 1)] } }).ShouldHaveSingleItem().Severity.ShouldBe(severity);

    [Theory]
    [InlineData("reserved", 25, false)]
    [InlineData("extended", 24, true)]
    [InlineData("unreserved", 0, true)]
    [InlineData("lost", null, true)]
    public void The_slot_is_told_of_before_it_loses_log(string status, int? percentLeft, bool told) =>
        Causes(Well with { SlotStatus = status, SlotSafeBytes = percentLeft is { } p ? (4L << 30) / 100 * p : null, SlotCapBytes = (4L << 30) / 100 * 100 }).ShouldBe(told ? ["slot"] : []);

    [Fact]
    public void Damage_and_a_check_that_was_not_made_are_told_of()
    {
        Causes(Well with { Damage = "pack 1234 is damaged" }).ShouldBe(["repository-damaged"]);
        Causes(Well with { LastSoundCheckAt = Now.AddHours(-51) }).ShouldBe(["check-overdue"]);
        Causes(Well with { LastSoundCheckAt = null }).ShouldBe(["check-overdue"]);
        Causes(Well with { LastSoundCheckAt = null, WatchedSince = Now.AddHours(-12) }).ShouldBeEmpty();
    }

    [Fact]
    public void A_disk_that_will_be_full_within_a_week_is_a_warning_and_within_a_day_critical()
    {
        Forecast(free: 100e9, perHour: 0.1e9).Problem().ShouldBeNull();
        Forecast(free: 10e9, perHour: 0.1e9).Problem().ShouldNotBeNull().Severity.ShouldBe(AlertSeverity.Warning);
        var soon = Forecast(free: 10e9, perHour: 1e9);
        soon.Problem().ShouldNotBeNull().ShouldSatisfyAllConditions(p => p.Severity.ShouldBe(AlertSeverity.Critical), p => p.Title.ShouldBe("The disk of /data will be full in 10 hours."));
        DiskForecast.Of("/data", 100_000, 4_000, [], Now).Problem().ShouldNotBeNull().Title.ShouldBe("The disk of /data is nearly full.");
        DiskForecast.Of("/data", 100_000, 40_000, [], Now).Problem().ShouldBeNull("nothing is known of how it grows");
    }

    [Fact]
    public void What_comes_and_goes_is_no_growth()
    {
        var samples = Enumerable.Range(0, 72).Select(i => new DiskSample(Now.AddMinutes(-5 * i), i % 10 == 0 ? (long)20e9 : (long)10e9)).ToList();
        DiskForecast.Of("/data", (long)100e9, (long)5.1e9, samples, Now).FullIn.ShouldBeNull();
    }

    private static DiskForecast Forecast(double free, double perHour) =>
        DiskForecast.Of("/data", (long)200e9, (long)free, [.. Enumerable.Range(0, 48).Select(h => new DiskSample(Now.AddHours(-h), (long)(150e9 - (h * perHour))))], Now);

    private static IEnumerable<string> Causes(RecoveryReading reading) => RecoveryWatch.Problems(reading).Select(p => p.Cause);
}
