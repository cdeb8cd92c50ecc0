using System.Net;
using System.Net.Sockets;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.Runtime.Recovery.Watching;
using ControlCenter.Runtime.Storage;

namespace ControlCenter.Runtime.Tests.Recovery;

public sealed class WatchTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_cause_is_one_alert_while_it_lasts_and_over_when_it_is()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["base-overdue"]);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();

        var password = await File.ReadAllTextAsync(cluster.Settings.PasswordFile, Stop);
        await File.WriteAllTextAsync(cluster.Settings.PasswordFile, "another\n", Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["repository-password"]);
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["repository-password"]);
        await File.WriteAllTextAsync(cluster.Settings.PasswordFile, password, Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();
        (await cluster.AlertsAsync(Stop)).ShouldBe(["+base-overdue", "-base-overdue", "+repository-password", "-repository-password"]);
    }

    [Fact]
    public async Task Log_that_does_not_arrive_is_told_of_with_what_went_wrong_and_a_repository_that_is_gone_is_not_made_anew()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();
        await cluster.Stream.StopAsync(Stop);
        var aside = cluster.Settings.Repository + ".aside";
        Directory.Move(cluster.Settings.Repository, aside);

        await cluster.Stream.StartAsync(Stop);
        await BackedUpCluster.UntilAsync(() => cluster.ScalarAsync<bool>("select failures >= 3 from recovery_watch", Stop), Stop);
        await cluster.Stream.StopAsync(Stop);
        Directory.Exists(cluster.Settings.Repository).ShouldBeFalse();
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["repository-missing"]);
        (await cluster.ScalarAsync<string>("select last_failure from recovery_watch", Stop)).ShouldContain("The repository is gone");

        await cluster.MarkAsync("written meanwhile", Stop);
        await cluster.ProblemsAsync(Stop);
        await cluster.ExecuteAsync("update recovery_watch set behind_since = behind_since - interval '6 minutes'", Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["log-lag", "repository-missing"]);

        Directory.Move(aside, cluster.Settings.Repository);
        await cluster.Stream.StartAsync(Stop);
        await cluster.Stream.NextCycleAsync().WaitAsync(Patience, Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_repository_that_hangs_is_told_of_within_its_time_and_one_that_is_away_at_once()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var settings = cluster.Settings with { Repository = $"rest:http://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}/", AnswerPatience = TimeSpan.FromSeconds(2), TransferPatience = TimeSpan.FromSeconds(3) };
        var restic = new Restic(settings, TimeProvider.System);
        var look = await cluster.LookBy(restic).AskRepositoryAsync(Stop);
        (look.Index, look.Fault).ShouldBe((null, RepositoryFault.Hanging));
        look.Text.ShouldNotBeNull().ShouldStartWith("restic had not ended after 2 s");
        (await cluster.Look.ExecuteAsync(look, Stop)).Select(p => p.Title).ShouldBe(["The backup repository does not answer."]);
        // A transfer too: restic says every second that it is still there, and gets nothing done.
        (await Should.ThrowAsync<ToolException>(() => restic.BackupAsync(cluster.Settings.WalFolder, ["kind=wal"], false, Stop))).Fault.ShouldBe(RepositoryFault.Hanging);
        silent.Stop();
        (await cluster.LookBy(restic).AskRepositoryAsync(Stop)).Fault.ShouldBe(RepositoryFault.Unreachable);
        (await Should.ThrowAsync<ToolException>(() => restic.EnsureAsync(Stop))).Message.ShouldStartWith("The repository cannot be reached");
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Damage_stands_until_the_same_was_read_and_is_sound()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        await cluster.Stream.StopAsync(Stop);
        var pack = Directory.GetFiles(Path.Combine(cluster.Settings.Repository, "data"), "*", SearchOption.AllDirectories).MaxBy(f => new FileInfo(f).Length)!;
        var whole = await File.ReadAllBytesAsync(pack, Stop);
        File.SetUnixFileMode(pack, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllBytesAsync(pack, whole[..(whole.Length / 2)], Stop);
        (await cluster.Verify.ExecuteAsync(null, Caller.Host, Stop)).Sound.ShouldBeFalse();
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["repository-damaged"]);
        (await Should.ThrowAsync<Exception>(() => cluster.RestoreAsync(null, Stop))).ShouldBeOfType<ToolException>();

        await File.WriteAllBytesAsync(pack, whole, Stop);
        await cluster.Verify.ExecuteAsync(3, Caller.Host, Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["repository-damaged"], "a share says nothing about the others");
        (await cluster.Verify.ExecuteAsync(null, Caller.Host, Stop)).Sound.ShouldBeTrue();
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_segment_of_log_that_never_arrived_is_a_gap_that_is_told_of()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        await cluster.MarkAsync("in the segment that gets lost", Stop);
        var lost = await cluster.ScalarAsync<string>("select pg_walfile_name(pg_switch_wal())", Stop);
        await cluster.MarkAsync("after it", Stop);
        var file = Path.Combine(cluster.Settings.WalFolder, lost);
        await BackedUpCluster.UntilAsync(() => Task.FromResult(File.Exists(file)), Stop);
        File.Delete(file);
        await cluster.Stream.ShipNowAsync(Stop);
        var segment = WalSegment.TryParse(lost).ShouldNotBeNull();
        var index = await RepositoryIndex.ReadAsync(cluster.Restic, Stop);
        await cluster.Restic.ForgetAsync([.. index.Snapshots.Where(s => s.Segments.Contains(segment)).Select(s => s.SnapshotId)], Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["log-gap"]);
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
