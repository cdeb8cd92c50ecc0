using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Backups;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.TestSupport;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>What is kept, and what making room holds up.</summary>
[Takes(seconds: 40)]
public sealed class RetentionTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Log_is_shipped_between_the_bites_of_a_prune()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        var folder = Directory.CreateDirectory(Path.Combine(cluster.Home, "old")).CreateSubdirectory("files").FullName;
        var random = new Random(20261121);
        var content = new byte[512 * 1024];
        for (var i = 0; i < 240; i++)
        {
            random.NextBytes(content);
            await File.WriteAllBytesAsync(Path.Combine(folder, $"{i:000}"), content, Stop);
        }

        // Every other file goes, so what is stored of both has to be written anew.
        var all = await cluster.Restic.BackupAsync(folder, ["test"], Hurry.AtOnce, within: null, Stop);
        foreach (var file in Directory.GetFiles(folder).Where(f => int.Parse(Path.GetFileName(f), CultureInfo.InvariantCulture) % 2 == 1))
        {
            File.Delete(file);
        }

        await cluster.Restic.BackupAsync(folder, ["test"], Hurry.AtOnce, within: null, Stop);
        await using (await cluster.Gate.BeAloneAsync(Stop))
        {
            await cluster.Restic.ForgetAsync([all.SnapshotId], Stop);
        }

        var bites = 0;
        var freed = await cluster.Retention.PruneAsync(32 << 20, async (bite, _) =>
        {
            bite.ShouldNotBeNull();
            bites++;
            if (!bite.IsLast)
            {
                await cluster.Stream.ShipNowAsync(Stop);
            }
        }, Stop);
        bites.ShouldBeGreaterThan(2);
        freed.ShouldBeGreaterThan(30 << 20);
        (await cluster.Verify.ExecuteAsync(null, Caller.Host, Stop)).Sound.ShouldBeTrue();
    }

    [Fact]
    public async Task A_milestone_stays_until_it_is_reviewed_and_goes_then_as_others_of_its_age()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.Base.ExecuteAsync("before the migration", milestone: true, Caller.Host, null, Stop);
        await cluster.TakeBaseAsync(Stop);
        var ids = await cluster.ScalarAsync<Guid[]>("select array_agg(id order by started_at) from backups", Stop);
        var (milestone, newest) = (ids[0], ids[1]);
        (await KeptAsAsync(milestone)).ShouldBe([KeptAs.Milestone]);

        var review = new ReviewMilestone(cluster.Transactions);
        var founder = new Caller(Actor.HostId, "founder", Role.FounderAdmin);
        await Should.ThrowAsync<ForbiddenException>(() => review.ExecuteAsync(milestone, new Caller(Actor.HostId, "an observer", Role.ReadOnlyObserver), null, Stop));
        (await review.ExecuteAsync(milestone, founder, null, Stop)).Value!.BackupId.ShouldBe(milestone);
        (await KeptAsAsync(milestone)).ShouldBeEmpty();
        (await cluster.ScalarAsync<long>("select count(*) from events where kind = 'backup.reviewed'", Stop)).ShouldBe(1);

        (await Should.ThrowAsync<ConflictException>(() => review.ExecuteAsync(milestone, founder, null, Stop))).Message.ShouldContain("reviewed already");
        (await Should.ThrowAsync<ConflictException>(() => review.ExecuteAsync(newest, founder, null, Stop))).Message.ShouldContain("no milestone");
        await Should.ThrowAsync<NotFoundException>(() => review.ExecuteAsync(Guid.CreateVersion7(), founder, null, Stop));

        async Task<IReadOnlyList<KeptAs>> KeptAsAsync(Guid backup) =>
            (await cluster.Retention.PlanAsync(new BackupRetention(0, 0, 0), TimeZoneInfo.Utc, Stop)).Backups.Single(b => b.Snapshot.BackupId == backup).Reasons;
    }
}
