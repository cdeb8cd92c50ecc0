using ControlCenter.Domain.Access;
using ControlCenter.Domain.Recovery;
using ControlCenter.E2E;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.TestSupport;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>What must hold of backups when disks fail.</summary>
[Takes(seconds: 80)]
public sealed class DamageTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_disk_that_fills_up_in_the_middle_is_told_of_and_nothing_is_lost_once_there_is_room()
    {
        await using var disk = await SmallDisk.MountAsync(96);
        await using var cluster = await BackedUpCluster.StartAsync(Stop, s => s with { Repository = Path.Combine(disk.Folder, "repository") });
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        disk.Fill();
        await cluster.MarkAsync("written while the disk was full", Stop);
        (await Should.ThrowAsync<ToolException>(() => cluster.TakeBaseAsync(Stop))).Fault.ShouldBe(RepositoryFault.Full);
        await BackedUpCluster.UntilAsync(() => cluster.ScalarAsync<bool>("select failures > 0 from recovery_watch", Stop), Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldContain("repository-full");

        disk.MakeRoom();
        await BackedUpCluster.UntilAsync(() => cluster.ScalarAsync<bool>("select failures = 0 from recovery_watch", Stop), Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        (await cluster.Verify.ExecuteAsync(null, Caller.Host, Stop)).Sound.ShouldBeTrue();
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();
        (await cluster.RestoreAsync(null, Stop)).Markers.ShouldBe(["written while the disk was full"]);
    }
}
