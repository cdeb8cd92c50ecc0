using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Wal;
using ControlCenter.TestSupport;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>Log that one host had received when it was cut off, while another went on.</summary>
[Takes(seconds: 30)]
public sealed class LeftLogTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_host_had_received_and_not_shipped_is_a_gap_until_it_comes_back_and_closes_it()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        await cluster.MarkAsync("shipped", Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        await cluster.Stream.StopAsync(Stop);
        var finished = await ReceiveAndDieAsync(cluster);
        var aside = cluster.Settings.WalFolder + ".first-host";
        Directory.Move(cluster.Settings.WalFolder, aside);

        await StartAsync(cluster);
        await cluster.MarkAsync("by the second host", Stop);
        await FinishSegmentAsync(cluster);
        await cluster.Stream.ShipNowAsync(Stop);
        (await MapAsync(cluster)).Gaps.ShouldBe([new WalGap(1, finished.Number, 1)], "of that segment only the first part was shipped");
        (await cluster.RestoreAsync(null, Stop)).Markers.ShouldBe(["shipped"]);

        await cluster.Stream.StopAsync(Stop);
        Directory.Delete(cluster.Settings.WalFolder, recursive: true);
        Directory.Move(aside, cluster.Settings.WalFolder);
        await StartAsync(cluster);
        await cluster.Stream.ShipNowAsync(Stop);
        (await MapAsync(cluster)).Gaps.ShouldBeEmpty();
        (await cluster.RestoreAsync(null, Stop)).Markers.ShouldBe(["shipped", "received only", "by the second host"]);
    }

    // As a host that dies between a segment's end and the next shipment.
    private static async Task<WalSegment> ReceiveAndDieAsync(BackedUpCluster cluster)
    {
        await using var connection = await cluster.Database.OpenConnectionAsync(Stop);
        await WalReceiver.PrepareAsync(connection, Stop);
        await using var receiver = await WalReceiver.StartAsync(cluster.Tools, connection, cluster.Settings.WalFolder, TimeProvider.System, Stop);
        await cluster.MarkAsync("received only", Stop);
        return await FinishSegmentAsync(cluster);
    }

    private static async Task<WalSegment> FinishSegmentAsync(BackedUpCluster cluster)
    {
        var name = await cluster.ScalarAsync<string>("select pg_walfile_name(pg_switch_wal())", Stop);
        var segment = WalSegment.TryParse(name)!.Value;
        var end = (segment with { Number = segment.Number + 1 }).Start();
        await BackedUpCluster.UntilAsync(() => cluster.ScalarAsync<bool>($"select restart_lsn >= '{end}' from pg_replication_slots where slot_name = '{WalReceiver.Slot}'", Stop), Stop);
        File.Exists(Path.Combine(cluster.Settings.WalFolder, name)).ShouldBeTrue();
        return segment;
    }

    private static async Task<RecoverableTime> MapAsync(BackedUpCluster cluster)
    {
        var index = await RepositoryIndex.ReadAsync(cluster.Restic, Stop);
        return index.Map(index.NewestSystem!);
    }

    private static async Task StartAsync(BackedUpCluster cluster)
    {
        var cycle = cluster.Stream.NextCycleAsync();
        await cluster.Stream.StartAsync(Stop);
        await cycle.WaitAsync(TimeSpan.FromMinutes(1), Stop);
    }
}
