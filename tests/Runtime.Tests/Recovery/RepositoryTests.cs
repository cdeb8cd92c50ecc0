using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Tools;

namespace ControlCenter.Runtime.Tests.Recovery;

public sealed class RepositoryTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_flipped_bit_anywhere_in_what_is_stored_is_found_by_reading_it()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Dump.ExecuteAsync(null, Caller.Host, null, Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        await cluster.Stream.StopAsync(Stop);
        var verify = cluster.Verify;
        (await verify.ExecuteAsync(null, Caller.Host, Stop)).Sound.ShouldBeTrue();

        var random = new Random(20261121);
        var files = Directory.GetFiles(Path.Combine(cluster.Settings.Repository, "data"), "*", SearchOption.AllDirectories);
        for (var round = 0; round < 6; round++)
        {
            var file = files[random.Next(files.Length)];
            var at = random.NextInt64(new FileInfo(file).Length);
            var bit = (byte)(1 << random.Next(8));
            Flip(file, at, bit);
            var verdict = await verify.ExecuteAsync(null, Caller.Host, Stop);
            verdict.Sound.ShouldBeFalse($"bit {bit} at {at} of {Path.GetFileName(file)}");
            verdict.Detail.ShouldStartWith("The repository is damaged");
            Flip(file, at, bit);
        }

        (await verify.ExecuteAsync(null, Caller.Host, Stop)).Sound.ShouldBeTrue();
    }

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
        var reached = await cluster.Stream.ShipNowAsync(Stop);
        var index = await RepositoryIndex.ReadAsync(cluster.Restic, Stop);
        var system = index.NewestSystem.ShouldNotBeNull();
        index.Map(system).Latest.ShouldBe(reached.At);

        var later = index.Of(system, SnapshotKind.Wal).Last();
        var beyond = later.Segments[^1].Number + 2;
        var torn = new RepositoryIndex([.. index.Snapshots, later with
        {
            At = later.At.AddMinutes(5),
            Stop = new(((beyond + 1) * Domain.Recovery.WalSegment.DefaultBytes) - 1),
            Segments = [new(later.Timeline, beyond)],
        }]);
        torn.Map(system).Latest.ShouldBe(reached.At);
        torn.Map(system).Gaps.ShouldBe([new(later.Timeline, beyond - 1, 1)]);
        Should.Throw<RestoreException>(() => RestorePlan.Of(torn, later.At.AddMinutes(4)));
    }

    private static void Flip(string file, long at, byte bit)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite);
        stream.Position = at;
        var value = stream.ReadByte();
        stream.Position = at;
        stream.WriteByte((byte)(value ^ bit));
    }
}
