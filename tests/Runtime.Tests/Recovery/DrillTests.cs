using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Drills;
using ControlCenter.Runtime.Recovery.Files;
using ControlCenter.TestSupport;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>Restores that are tried, on a whole cluster.</summary>
[Takes(seconds: 80)]
public sealed class DrillTests
{
    private static readonly Caller Founder = new(Actor.HostId, "founder", Role.FounderAdmin);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_newest_base_is_restored_counted_and_gone_between_two_rows_and_nothing_is_left()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await using var host = new DrillHost(cluster);
        var taken = await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);

        var drill = await host.Run.ExecuteAsync(DrillScenario.Database, isSample: false, "the tests", null, Stop);

        drill.Problem.ShouldBeNull();
        drill.State.ShouldBe(DrillState.Passed);
        drill.SnapshotId.ShouldNotBeNull().ShouldStartWith(taken.SnapshotId);
        (drill.WalPitrTested, drill.CleanupProven).ShouldBe((true, true));
        drill.TablesVerified.ShouldNotBeNull().ShouldBeGreaterThan(30);
        drill.SnapshotAgeHours.ShouldNotBeNull().ShouldBeInRange(0, 1);
        drill.DataFreshnessHours.ShouldNotBeNull().ShouldBeInRange(0, 1);
        drill.Seconds.ShouldNotBeNull().ShouldBeGreaterThan(drill.Steps.Sum(s => s.Seconds) - 0.1m);
        drill.Steps.ShouldAllBe(s => s.State == DrillStepState.Passed);
        Directory.GetFileSystemEntries(host.ScratchFolder).ShouldBeEmpty();

        var story = (await host.Queries.FindAsync(drill.DrillId, Stop)).ShouldNotBeNull();
        story.Tables.ShouldContain(t => t.Table == "marker" && t.Passed);
        // What the host wrote in the moment of the count may be there too.
        story.Tables.ShouldAllBe(t => t.Found >= t.Expected);
        story.Invariants.ShouldNotBeEmpty();
        story.Invariants.ShouldAllBe(i => i.Passed);

        var overview = await host.Queries.OverviewAsync(Stop);
        overview.LastProvenAt.ShouldBe(drill.EndedAt);
        overview.Causes.Single(c => c.Cause == RecoveryCause.DatabaseCorruption).LastDrilledAt.ShouldBe(drill.EndedAt);
        overview.Causes.Single(c => c.Cause == RecoveryCause.NodeFailure).LastDrilledAt.ShouldBeNull();

        // And again, a base drawn by lot: both records are in the file.
        var sample = await host.Run.ExecuteAsync(DrillScenario.Database, isSample: true, "the tests", null, Stop);
        (sample.State, sample.WalPitrTested).ShouldBe((DrillState.Passed, false));
        var file = await File.ReadAllTextAsync(host.RecordsFile, Stop);
        file.ShouldContain($"drill_id: {drill.DrillId}");
        file.ShouldContain($"drill_id: {sample.DrillId}");
        file.ShouldContain("wal_pitr_tested: true");
        file.ShouldContain("pass_fail: pass");
    }

    [Fact]
    public async Task One_that_failed_holds_the_next_back_until_a_person_has_said_why_and_leaves_nothing()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await using var host = new DrillHost(cluster);

        // There is no base, so nothing can be restored.
        var failed = await host.Run.ExecuteAsync(DrillScenario.Database, isSample: true, "the tests", null, Stop);
        failed.State.ShouldBe(DrillState.Failed);
        failed.Problem.ShouldNotBeNull().ShouldContain("no base backup");
        failed.CleanupProven.ShouldBe(true);
        Directory.GetFileSystemEntries(host.ScratchFolder).ShouldBeEmpty();
        (await TextAsync(cluster, "select data::text from events where kind = 'alert.raised'")).ShouldContain("backup.restore_drill.failed");
        (await TextAsync(cluster, "select data->>'in_a_row' from events where kind = 'backup.restore_drill.failed'")).ShouldBe("1");
        (await host.Queries.OverviewAsync(Stop)).Scenarios[0].WaitsForRootCause.ShouldBe(failed.DrillId);

        (await Should.ThrowAsync<ConflictException>(() => host.Run.ExecuteAsync(DrillScenario.Database, isSample: false, "the tests", null, Stop))).Message.ShouldContain("root cause");
        (await Should.ThrowAsync<ConflictException>(() => host.Request.ExecuteAsync(new RequestDrillRequest(), Founder, null, Stop))).Message.ShouldContain(failed.DrillId.ToString());
        await Should.ThrowAsync<ForbiddenException>(() => host.RecordRootCause.ExecuteAsync(failed.DrillId, new RecordRootCauseRequest("It was the host that said so."), Caller.Host, null, Stop));
        await Should.ThrowAsync<ValidationException>(() => host.RecordRootCause.ExecuteAsync(failed.DrillId, new RecordRootCauseRequest("?"), Founder, null, Stop));

        await host.RecordRootCause.ExecuteAsync(failed.DrillId, new RecordRootCauseRequest("No base had been taken yet."), Founder, null, Stop);
        var second = await host.Run.ExecuteAsync(DrillScenario.Database, isSample: true, "the tests", null, Stop);
        second.State.ShouldBe(DrillState.Failed);
        (await TextAsync(cluster, "select data->>'in_a_row' from events where kind = 'backup.restore_drill.failed' order by seq desc limit 1")).ShouldBe("2");
        (await File.ReadAllTextAsync(host.RecordsFile, Stop)).ShouldContain("root_cause: No base had been taken yet.");
    }

    [Fact]
    public async Task What_cannot_be_tried_here_says_what_is_missing_and_neither_passes_nor_fails()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await using var host = new DrillHost(cluster);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);

        var files = await host.Run.ExecuteAsync(DrillScenario.ObjectStorage, isSample: false, "the tests", null, Stop);
        (files.State, files.Problem).ShouldBe((DrillState.NotPossible, "The repository holds no copy of the files: none has been taken yet."));
        var rollback = await host.Run.ExecuteAsync(DrillScenario.Rollback, isSample: false, "the tests", null, Stop);
        rollback.State.ShouldBe(DrillState.NotPossible);
        rollback.Problem.ShouldNotBeNull().ShouldStartWith("No previous deployment is kept");
        (await TextAsync(cluster, "select count(*)::text from events where kind = 'alert.raised'")).ShouldBe("0");

        // Once there is a copy, it is brought back and compared.
        await cluster.FilesOf(KeptFiles.Of(cluster.Home, Path.Combine(cluster.Home, "agents"), null, [])).ExecuteAsync(null, Caller.Host, null, Stop);
        var copied = await host.Run.ExecuteAsync(DrillScenario.ObjectStorage, isSample: false, "the tests", null, Stop);
        copied.Problem.ShouldBeNull();
        copied.State.ShouldBe(DrillState.Passed);

        // A program that does not start is no service.
        var services = await host.Run.ExecuteAsync(DrillScenario.Services, isSample: false, "the tests", null, Stop);
        services.State.ShouldBe(DrillState.Failed);
        services.Problem.ShouldNotBeNull().ShouldContain("before it was ready");
        services.CleanupProven.ShouldBe(true);
    }

    private static async Task<string> TextAsync(BackedUpCluster cluster, string sql)
    {
        await using var command = cluster.Database.CreateCommand(sql);
        return (string)(await command.ExecuteScalarAsync(Stop))!;
    }
}
