using System.Net;
using System.Net.Sockets;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.TestSupport;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>Log that does not get into the repository, and who hears of it.</summary>
[Takes(seconds: 80)]
public sealed class WatchedLogTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

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
    public async Task What_was_written_last_is_in_the_repository_when_a_host_has_ended_well()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        await cluster.MarkAsync("written last", Stop);
        var written = await cluster.ScalarAsync<string>("select pg_current_wal_flush_lsn()::text", Stop);
        await cluster.Stream.StopAsync(Stop);
        (await cluster.ScalarAsync<bool>($"select max(through) >= '{written}'::pg_lsn from wal_shipments", Stop)).ShouldBeTrue();
    }

    [Fact]
    public async Task What_a_restore_brought_back_was_never_exposed_and_what_was_written_since_is()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        await cluster.Stream.StopAsync(Stop);
        foreach (var kind in (string[])["ticket.created", SettleRestored.Restored, "ticket.created"])
        {
            await cluster.Transactions.RunAsync(Caller.Host, (unit, _) =>
            {
                unit.Record(kind, ("test", kind), new { });
                return Task.FromResult(true);
            }, Stop);
        }

        var cycle = cluster.Stream.NextCycleAsync();
        await cluster.Stream.StartAsync(Stop);
        await cycle.WaitAsync(Patience, Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        (await cluster.ScalarAsync<bool>($"select min(exposed_since) = (select at from events where kind = '{SettleRestored.Restored}') from wal_shipments", Stop)).ShouldBeTrue();
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
        (await Should.ThrowAsync<ToolException>(() => restic.BackupAsync(cluster.Settings.WalFolder, ["kind=wal"], Hurry.AtOnce, within: null, Stop))).Fault.ShouldBe(RepositoryFault.Hanging);
        silent.Stop();
        restic = new Restic(settings with { AnswerPatience = Patience }, TimeProvider.System);
        (await cluster.LookBy(restic).AskRepositoryAsync(Stop)).Fault.ShouldBe(RepositoryFault.Unreachable);
        (await Should.ThrowAsync<ToolException>(() => restic.EnsureAsync(Stop))).Message.ShouldStartWith("The repository cannot be reached");
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
        await using (await cluster.Gate.BeAloneAsync(Stop))
        {
            await cluster.Restic.ForgetAsync([.. index.Snapshots.Where(s => s.Segments.Contains(segment)).Select(s => s.SnapshotId)], Stop);
        }

        (await cluster.ProblemsAsync(Stop)).ShouldBe(["log-gap"]);
    }
}
