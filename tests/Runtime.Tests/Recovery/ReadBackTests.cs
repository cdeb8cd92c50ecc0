using ControlCenter.Domain.Access;
using ControlCenter.TestSupport;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>All that is stored, read and compared with what was written.</summary>
[Takes(seconds: 90)]
public sealed class ReadBackTests
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
    public async Task Log_is_shipped_while_all_of_the_repository_is_read_back()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var shipments = 0;
        var shipping = Task.Run(async () =>
        {
            for (; !enough.IsCancellationRequested; shipments++)
            {
                await cluster.MarkAsync($"{shipments}", Stop);
                await cluster.Stream.ShipNowAsync(Stop);
            }
        }, Stop);
        // How much is read in the time of a shipment is the machine's to say.
        for (var round = 0; round < 4 || (Volatile.Read(ref shipments) <= 2 && round < 20); round++)
        {
            (await cluster.Verify.ExecuteAsync(null, Caller.Host, Stop)).Detail.ShouldBe("all of it is what was written");
        }

        await enough.CancelAsync();
        await shipping;
        shipments.ShouldBeGreaterThan(2);
    }

    [Fact]
    [Trait("Category", "Soak")]
    public async Task Fifty_flipped_bits_are_found_each_by_itself()
    {
        await using var cluster = await BackedUpCluster.StartAsync(Stop);
        await cluster.TakeBaseAsync(Stop);
        await cluster.Dump.ExecuteAsync(null, Caller.Host, null, Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        await cluster.Stream.StopAsync(Stop);
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        string[] files = [.. new[] { "data", "index", "snapshots" }.SelectMany(f => Directory.GetFiles(Path.Combine(cluster.Settings.Repository, f), "*", SearchOption.AllDirectories))];
        for (var round = 0; round < 50; round++)
        {
            var file = files[random.Next(files.Length)];
            var whole = await File.ReadAllBytesAsync(file, Stop);
            var hurt = (byte[])whole.Clone();
            var at = random.Next(hurt.Length);
            hurt[at] ^= (byte)(1 << random.Next(8));
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            await File.WriteAllBytesAsync(file, hurt, Stop);
            (await cluster.Verify.ExecuteAsync(null, Caller.Host, Stop)).Sound.ShouldBeFalse($"seed {seed}, round {round}: byte {at} of {file}");
            await File.WriteAllBytesAsync(file, whole, Stop);
        }

        (await cluster.ProblemsAsync(Stop)).ShouldContain("repository-damaged");
        (await cluster.Verify.ExecuteAsync(null, Caller.Host, Stop)).Sound.ShouldBeTrue();
        (await cluster.ProblemsAsync(Stop)).ShouldNotContain("repository-damaged");
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
