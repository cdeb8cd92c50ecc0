namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>What stands in the receiver's way when it is started again, and would for ever.</summary>
public sealed class ReceiverTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Log_is_received_again_after_a_full_disk_and_after_the_server_gave_up_what_was_kept_for_it()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.MarkAsync("first", Stop);
        await cluster.Stream.ShipNowAsync(Stop);

        await cluster.Stream.StopAsync(Stop);
        using (var partial = File.OpenWrite(Directory.GetFiles(cluster.Settings.WalFolder, "*.partial").Single()))
        {
            partial.SetLength(1_000_000);
        }

        await StartAsync(cluster);
        await cluster.Stream.ShipNowAsync(Stop);

        // As a host meets it that was away for longer than the cap of the slot allows; or while another host has received.
        await cluster.Stream.StopAsync(Stop);
        await cluster.ExecuteAsync("alter system set wal_keep_size = 0", Stop);
        await cluster.ExecuteAsync("select pg_reload_conf()", Stop);
        await cluster.ExecuteAsync("select pg_drop_replication_slot('control_center')", Stop);
        for (var segment = 0; segment < 4; segment++)
        {
            await cluster.ExecuteAsync("select pg_logical_emit_message(true, 'test', 'fills nothing')", Stop);
            await cluster.ExecuteAsync("select pg_switch_wal()", Stop);
        }

        await cluster.ExecuteAsync("checkpoint", Stop);
        await cluster.ExecuteAsync("checkpoint", Stop);
        await StartAsync(cluster);
        await cluster.Stream.ShipNowAsync(Stop);
    }

    private static async Task StartAsync(BackedUpCluster cluster)
    {
        var cycle = cluster.Stream.NextCycleAsync();
        await cluster.Stream.StartAsync(Stop);
        await cycle.WaitAsync(TimeSpan.FromMinutes(1), Stop);
    }
}
