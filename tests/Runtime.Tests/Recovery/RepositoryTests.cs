using ControlCenter.Domain.Access;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.TestSupport;

namespace ControlCenter.Runtime.Tests.Recovery;

[Takes(seconds: 70)]
public sealed class RepositoryTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Another_password_opens_nothing_and_makes_no_second_repository()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await File.WriteAllTextAsync(cluster.Settings.PasswordFile, "not the password\n", Stop);
        (await Should.ThrowAsync<ToolException>(() => cluster.Restic.EnsureAsync(Stop))).Message.ShouldContain("does not open the repository");
        (await Should.ThrowAsync<ToolException>(() => cluster.TakeBaseAsync(Stop))).Message.ShouldContain("does not open the repository");
        await using var failed = cluster.Database.CreateCommand("select problem from backups where state = 'failed'");
        ((string?)await failed.ExecuteScalarAsync(Stop)).ShouldNotBeNull().ShouldContain("does not open the repository");
    }

    [Fact]
    public async Task A_snapshot_that_lacks_something_is_not_counted_and_goes_with_the_next_that_are_forgotten()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.Stream.StopAsync(Stop);
        var another = new Restic(cluster.Settings, TimeProvider.System);
        var before = (await another.SnapshotsAsync(Stop)).Count;
        // What is at its beginning cannot be read by anybody.
        var memory = $"/proc/{Environment.ProcessId}/mem";
        (await Should.ThrowAsync<ToolException>(() => cluster.Restic.BackupAsync(memory, ["control-center"], Hurry.AtOnce, within: null, Stop))).Message.ShouldContain("could not be read");
        (await cluster.Restic.SnapshotsAsync(Stop)).Count.ShouldBe(before);
        (await another.SnapshotsAsync(Stop)).Count.ShouldBe(before + 1, "restic has saved it");
        await cluster.Restic.ForgetAsync([], Stop);
        (await another.SnapshotsAsync(Stop)).Count.ShouldBe(before);
    }

    [Fact]
    public async Task What_a_dead_host_left_of_a_backup_has_failed_and_is_removed_before_the_next()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        var left = Directory.CreateDirectory(Path.Combine(cluster.Settings.ScratchFolder, $"base-{Guid.NewGuid():N}")).FullName;
        await cluster.ExecuteAsync($"insert into backups (id, kind, state, requested_by) values (gen_random_uuid(), 'base', 'running', '{Actor.HostId}')", Stop);
        await cluster.TakeBaseAsync(Stop);
        Directory.Exists(left).ShouldBeFalse();
        await using var command = cluster.Database.CreateCommand("select array_agg(state order by started_at) from backups");
        ((string[])(await command.ExecuteScalarAsync(Stop))!).ShouldBe(["failed", "succeeded"]);
    }

    [Fact]
    public async Task A_moment_that_cannot_be_restored_is_refused_with_what_can_be()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        var index = await RepositoryIndex.ReadAsync(cluster.Restic, Stop);
        Should.Throw<RestoreException>(() => RestorePlan.Of(index, null)).Message.ShouldContain("no base backup");
        var before = await cluster.MarkAsync("before", Stop);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        index = await RepositoryIndex.ReadAsync(cluster.Restic, Stop);
        Should.Throw<RestoreException>(() => RestorePlan.Of(index, before)).Message.ShouldContain("What can be:");
        Should.Throw<RestoreException>(() => RestorePlan.Of(index, DateTimeOffset.UtcNow.AddHours(1))).Message.ShouldContain("What can be:");
        RestorePlan.Of(index, null).StopAt.ShouldBeNull();
    }

    [Fact]
    public async Task A_missing_stretch_of_log_is_drawn_as_a_gap_and_nothing_beyond_it_is_promised()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        await cluster.Stream.StopAsync(Stop);
        var reached = new DateTimeOffset(await cluster.ScalarAsync<DateTime>("select max(at) from wal_shipments", Stop));
        var index = await RepositoryIndex.ReadAsync(cluster.Restic, Stop);
        var system = index.NewestSystem.ShouldNotBeNull();
        index.Map(system).Latest.ShouldBe(reached);

        var later = index.Of(system, SnapshotKind.Wal).Last();
        var beyond = later.Segments[^1].Number + 2;
        var torn = new RepositoryIndex([.. index.Snapshots, later with
        {
            At = later.At.AddMinutes(5),
            Stop = new(((beyond + 1) * WalSegment.DefaultBytes) - 1),
            Segments = [new(later.Timeline, beyond)],
        }]);
        torn.Map(system).Latest.ShouldBe(reached);
        torn.Map(system).Gaps.ShouldBe([new(later.Timeline, beyond - 2, 2)], "the one that was being received is there in part only");
        Should.Throw<RestoreException>(() => RestorePlan.Of(torn, later.At.AddMinutes(4)));
    }

    [Fact]
    public async Task What_was_exposed_is_measured_from_the_first_event_that_a_shipment_brings()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        // Three in one commit, so that they arrive together.
        var happened = await cluster.ScalarAsync<DateTime[]>(
            $"""
            with h as (
                insert into events (seq, at, actor_id, kind, subject_type, subject_id, data)
                select nextval('events_seq'), clock_timestamp(), '{Actor.HostId}', 'build.finished', '', '', '{"{}"}' from generate_series(1, 3) returning seq, at)
            select array_agg(at order by seq) from h
            """, Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        var exposed = await cluster.ScalarAsync<DateTime>("select exposed_since from wal_shipments where exposed_since is not null", Stop);
        exposed.ShouldBe(happened[0]);

        // Idle is no exposure.
        await cluster.Stream.ShipNowAsync(Stop);
        (await cluster.ScalarAsync<bool>("select exposed_since is null from wal_shipments order by at desc limit 1", Stop)).ShouldBeTrue();
        var figures = await new RecoveryFiguresQueries(cluster.Database).ReadAsync(Stop);
        var worst = await cluster.ScalarAsync<double>("select extract(epoch from max(arrived_at - exposed_since))::float8 from wal_shipments", Stop);
        figures.WorstLossSeconds.ShouldNotBeNull().ShouldBe(worst, 0.001);
        worst.ShouldBeGreaterThan(0);
    }
}
