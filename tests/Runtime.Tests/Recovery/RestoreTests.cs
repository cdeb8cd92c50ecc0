using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Storage.Embedded;
using ControlCenter.Runtime.Storage.Invariants;
using ControlCenter.Runtime.Tests.Jobs;
using ControlCenter.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace ControlCenter.Runtime.Tests.Recovery;

[Takes(seconds: 40)]
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
        DrillRules.Compare(asCounted.Manifest.Tables, asCounted.Tables).ShouldAllBe(t => t.Found >= t.Expected);
        cluster.Timeline.ShouldBe("00000002");

        // Restored before, and gone on since: what is restored now is a third history, and not the second's.
        (await cluster.RestoreAsync(null, Stop, newestTimeline: 3)).Markers.ShouldBe(["before the base", "first", "second"]);
        cluster.Timeline.ShouldBe("00000004");

        // PostgreSQL itself takes log that ends too soon for the end of all log.
        var further = RestorePlan.Of(await RepositoryIndex.ReadAsync(cluster.Restic, Stop), null) with { Reaches = new Lsn(ulong.MaxValue) };
        (await Should.ThrowAsync<RestoreException>(() => cluster.Restore.ExecuteAsync(further, Path.Combine(cluster.Home, "cut"), null, null, Stop)))
            .Message.ShouldStartWith("The log that was fetched ends at ");
    }

    [Fact]
    public async Task A_restore_that_is_to_be_gone_on_with_is_judged_and_settled()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        var to = await cluster.MarkAsync("first", Stop);
        await cluster.MarkAsync("second", Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        var plan = RestorePlan.Of(await RepositoryIndex.ReadAsync(cluster.Restic, Stop), to);
        var folder = Path.Combine(cluster.Home, "restored");
        var told = new List<string>();
        var restored = await new RestoreDatabase(cluster.Restore, cluster.Restic, NullLoggerFactory.Instance, TimeProvider.System)
            .ExecuteAsync(plan, folder, new Told(told), Stop);
        restored.Verdicts.Where(v => !v.Passed).ShouldBeEmpty();
        restored.Verdicts.Select(v => v.Name).Take(3).ShouldBe(["counts", "amcheck", "freshness"]);
        restored.Verdicts.Count.ShouldBe(3 + CheckInvariants.All.Count);
        restored.Bytes.ShouldBeGreaterThan(1_000_000);
        told.ShouldContain("ending what was held then");

        await using var postgres = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions(folder), NullLogger.Instance, TimeProvider.System, Stop);
        await using var database = NpgsqlDataSource.Create(postgres.ConnectionString);
        (await database.ColumnAsync("select name from marker order by at", Stop)).ShouldBe(["first"]);
        (await database.ScalarAsync<long>("select count(*) from events where kind = 'backup.restored'", Stop)).ShouldBe(1);
    }

    private sealed class Told(List<string> lines) : IProgress<string>
    {
        public void Report(string value) => lines.Add(value);
    }
}
