using ControlCenter.Domain.Recovery;

namespace ControlCenter.Domain.Tests.Recovery;

public sealed class BackupRetentionTests
{
    private static readonly DateTimeOffset Now = new(2026, 6, 30, 3, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Two_years_of_nightly_backups_leave_14_days_8_weeks_and_12_months()
    {
        var kept = new BackupRetention().Of(Nightly(730), TimeZoneInfo.Utc).Where(k => k.Reasons.Count > 0).ToList();
        kept.Count(k => k.Reasons.Contains(KeptAs.Daily)).ShouldBe(14);
        kept.Count(k => k.Reasons.Contains(KeptAs.Weekly)).ShouldBe(8);
        kept.Count(k => k.Reasons.Contains(KeptAs.Monthly)).ShouldBe(12);
        kept[0].Reasons.ShouldBe([KeptAs.Daily, KeptAs.Weekly, KeptAs.Monthly, KeptAs.Newest]);
        kept[^1].Backup.At.ShouldBe(new DateTimeOffset(2025, 7, 31, 3, 0, 0, TimeSpan.Zero));
    }

    [Fact]
    public void What_is_run_again_after_a_removal_removes_nothing_more()
    {
        var policy = new BackupRetention();
        var once = policy.Of(Nightly(730), TimeZoneInfo.Utc).Where(k => k.Reasons.Count > 0).Select(k => k.Backup).ToList();
        policy.Of(once, TimeZoneInfo.Utc).ShouldAllBe(k => k.Reasons.Count > 0);
    }

    [Fact]
    public void A_month_without_backups_costs_none_of_the_old_ones()
    {
        var old = Nightly(10).Select(b => b with { At = b.At.AddMonths(-8) }).ToList();
        new BackupRetention().Of(old, TimeZoneInfo.Utc).ShouldAllBe(k => k.Reasons.Count > 0);
    }

    [Fact]
    public void A_milestone_and_the_newest_stay_whatever_the_policy()
    {
        var milestone = new KeepableBackup(Guid.CreateVersion7(), Now.AddYears(-5), IsMilestone: true);
        var kept = new BackupRetention(0, 0, 0).Of([milestone, .. Nightly(3)], TimeZoneInfo.Utc);
        kept.Where(k => k.Reasons.Count > 0).Select(k => k.Reasons.Single()).ShouldBe([KeptAs.Newest, KeptAs.Milestone]);
    }

    [Fact]
    public void Days_are_the_founders_days()
    {
        var zone = TimeZoneInfo.CreateCustomTimeZone("plus5", TimeSpan.FromHours(5), null, null);
        KeepableBackup[] two = [new(Guid.CreateVersion7(), new(2026, 6, 1, 18, 0, 0, TimeSpan.Zero)), new(Guid.CreateVersion7(), new(2026, 6, 1, 20, 0, 0, TimeSpan.Zero))];
        new BackupRetention(14, 0, 0).Of(two, zone).ShouldAllBe(k => k.Reasons.Contains(KeptAs.Daily));
        new BackupRetention(14, 0, 0).Of(two, TimeZoneInfo.Utc).Count(k => k.Reasons.Contains(KeptAs.Daily)).ShouldBe(1);
    }

    [Fact]
    public void The_log_of_a_kept_base_is_never_removed_and_the_last_seven_days_neither()
    {
        var policy = new BackupRetention();
        var old = new BaseBackup(Guid.CreateVersion7(), 1, new Lsn(500), new Lsn(600), Now.AddDays(-300));
        var young = new BaseBackup(Guid.CreateVersion7(), 1, new Lsn(9000), new Lsn(9100), Now.AddDays(-1));
        WalShipment[] shipments = [new(Now.AddDays(-8), 1, new Lsn(7000)), new(Now.AddDays(-6), 1, new Lsn(8000)), new(Now, 1, new Lsn(9500))];
        policy.WalFloor([old, young], shipments, Now).ShouldBe((1u, new Lsn(500)));
        policy.WalFloor([young], shipments, Now).ShouldBe((1u, new Lsn(7000)));
        policy.WalFloor([young], shipments[1..], Now).ShouldBeNull();
        policy.WalFloor([], shipments, Now).ShouldBeNull();
    }

    private static List<KeepableBackup> Nightly(int days) => [.. Enumerable.Range(0, days).Select(d => new KeepableBackup(Guid.CreateVersion7(), Now.AddDays(-d)))];
}
