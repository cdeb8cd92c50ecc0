using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Watching;
using ControlCenter.Runtime.Storage;
using ControlCenter.TestSupport;

namespace ControlCenter.Runtime.Tests.Recovery;

[Takes(seconds: 70)]
public sealed class WatchTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_cause_is_one_alert_while_it_lasts_and_over_when_it_is()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["base-overdue"]);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();

        // It would say so too, at a moment of its own.
        await cluster.Stream.StopAsync(Stop);
        var password = await File.ReadAllTextAsync(cluster.Settings.PasswordFile, Stop);
        await File.WriteAllTextAsync(cluster.Settings.PasswordFile, "another\n", Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["repository-password"]);
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["repository-password"]);
        await File.WriteAllTextAsync(cluster.Settings.PasswordFile, password, Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();
        (await cluster.AlertsAsync(Stop)).ShouldBe(["+base-overdue", "-base-overdue", "+repository-password", "-repository-password"]);
    }

    [Fact]
    public async Task Log_comes_back_from_the_repository_as_it_was_written()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        var probe = await cluster.Probe.ExecuteAsync(Stop);
        (probe.Segment.ShouldNotBeNull().Length, probe.Problem).ShouldBe((24, null));
        (await cluster.ScalarAsync<bool>("select probed_at is not null from recovery_watch", Stop)).ShouldBeTrue();
        Directory.GetDirectories(cluster.Settings.ScratchFolder, "probe-*").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_change_that_cannot_be_undone_waits_for_a_base_of_just_now_with_its_log()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        (string, string)[] risky = [("29990101000000_Drop", "drops what there was")];
        (await AskAsync(new MigrationGuard(true), risky)).ShouldNotBeNull().ShouldContain("there is no base backup with its log");
        (await AskAsync(new MigrationGuard(false), risky)).ShouldBeNull("without a repository there is nothing to ask for");
        (await AskAsync(new MigrationGuard(true), [])).ShouldBeNull();
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        (await AskAsync(new MigrationGuard(true), risky)).ShouldBeNull();
        await cluster.ExecuteAsync("update backups set ended_at = ended_at - interval '61 minutes'", Stop);
        (await AskAsync(new MigrationGuard(true), risky)).ShouldNotBeNull().ShouldContain("29990101000000_Drop: drops what there was");

        async Task<string?> AskAsync(MigrationGuard guard, IReadOnlyList<(string, string)> migrations)
        {
            await using var connection = await cluster.Database.OpenConnectionAsync(Stop);
            return await guard.ProblemAsync(connection, migrations, Stop);
        }
    }

    [Fact]
    public async Task What_is_stored_is_measured_and_a_disk_that_fills_is_told_of()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        var measure = new MeasureStorage(cluster.Database, new(cluster.Home), cluster.Settings);
        await measure.ExecuteAsync(Stop);
        var state = await new StorageQueries(cluster.Database).StateAsync(Stop);
        state.Places.Select(p => p.Place).ShouldBe(["database", "log", "recovery", "repository"], ignoreOrder: true);
        state.Places.ShouldAllBe(p => p.Bytes > 0);
        state.LargestTables.Count.ShouldBe(20);
        var disk = state.Disks.ShouldHaveSingleItem();
        disk.FullIn.ShouldBeNull("one measurement says nothing about growth");

        await cluster.ExecuteAsync(
            "insert into storage_samples select at - h * interval '1 hour', place, greatest(0, used_bytes - h * (free_bytes / 10)), total_bytes, free_bytes from storage_samples, generate_series(1, 6) h where place like 'disk:%'", Stop);
        (await new StorageQueries(cluster.Database).DisksAsync(Stop)).ShouldHaveSingleItem().Problem().ShouldNotBeNull().Severity.ShouldBe(AlertSeverity.Critical);
    }
}
