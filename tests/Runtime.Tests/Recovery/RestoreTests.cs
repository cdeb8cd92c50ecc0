using ControlCenter.Domain.Recovery;

namespace ControlCenter.Runtime.Tests.Recovery;

public sealed class RestoreTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_moment_between_two_rows_brings_back_the_first_and_not_the_second()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.MarkAsync("before the base", Stop);
        var taken = await cluster.TakeBaseAsync(Stop);
        var between = await cluster.MarkAsync("first", Stop);
        await cluster.MarkAsync("second", Stop);
        await cluster.Stream.ShipNowAsync(Stop);

        var (restored, markers) = await cluster.RestoreAsync(between, Stop);
        markers.ShouldBe(["before the base", "first"]);
        restored.Damage.ShouldBe("");

        var (asCounted, _) = await cluster.RestoreAsync(taken.At, Stop);
        DrillRules.Compare(asCounted.Manifest.Tables, asCounted.Tables).ShouldAllBe(t => t.DriftPercent == 0);
        cluster.Timeline.ShouldBe("00000002");

        // Restored before, and gone on since: what is restored now is a third history, and not the second's.
        (await cluster.RestoreAsync(null, Stop, newestTimeline: 3)).Markers.ShouldBe(["before the base", "first", "second"]);
        cluster.Timeline.ShouldBe("00000004");
    }
}
