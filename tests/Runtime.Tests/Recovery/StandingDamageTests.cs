using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.TestSupport;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <remarks>By itself, because it mostly waits: other tests run beside it.</remarks>
[Takes(seconds: 100)]
public sealed class StandingDamageTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Damage_stands_until_the_same_was_read_and_is_sound()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        await cluster.Stream.StopAsync(Stop);
        var pack = Directory.GetFiles(Path.Combine(cluster.Settings.Repository, "data"), "*", SearchOption.AllDirectories).MaxBy(f => new FileInfo(f).Length)!;
        var whole = await File.ReadAllBytesAsync(pack, Stop);
        File.SetUnixFileMode(pack, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllBytesAsync(pack, whole[..(whole.Length / 2)], Stop);

        // restic tries to read a file that is short again and again, for three quarters of a minute: both at once.
        var verifying = cluster.Verify.ExecuteAsync(null, Caller.Host, Stop);
        var restoring = Should.ThrowAsync<Exception>(() => cluster.RestoreAsync(null, Stop));
        (await verifying).Sound.ShouldBeFalse();
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["repository-damaged"]);
        (await restoring).ShouldBeOfType<ToolException>();

        await File.WriteAllBytesAsync(pack, whole, Stop);
        await cluster.Verify.ExecuteAsync(3, Caller.Host, Stop);
        (await cluster.ProblemsAsync(Stop)).ShouldBe(["repository-damaged"], "a share says nothing about the others");
        (await cluster.Verify.ExecuteAsync(null, Caller.Host, Stop)).Sound.ShouldBeTrue();
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();
    }
}
