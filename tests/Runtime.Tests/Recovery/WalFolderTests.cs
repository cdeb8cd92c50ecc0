using System.Diagnostics;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Wal;

namespace ControlCenter.Runtime.Tests.Recovery;

public sealed class WalFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cc-wal-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Received => Directory.CreateDirectory(Path.Combine(_folder, "wal")).FullName;

    private string Staged => Path.Combine(_folder, "staged");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // restic reads a file anew whose ctime is another than it was.
    [Fact]
    public async Task A_finished_segment_is_staged_once_and_the_one_that_is_being_received_each_time()
    {
        var folder = new WalFolder(Received);
        Write("000000010000000000000001", "000000010000000000000002.partial", "00000001.history");
        folder.Stage(Staged).Select(s => s.FileName()).ShouldBe(["000000010000000000000001", "000000010000000000000002.partial"]);
        var before = (Finished: await ChangedAsync("000000010000000000000001"), Partial: await ChangedAsync("000000010000000000000002.partial"));

        folder.Stage(Staged);
        (await ChangedAsync("000000010000000000000001")).ShouldBe(before.Finished);
        (await ChangedAsync("000000010000000000000002.partial")).ShouldNotBe(before.Partial);

        File.Move(Path.Combine(Received, "000000010000000000000002.partial"), Path.Combine(Received, "000000010000000000000002"));
        Write("000000010000000000000003.partial");
        folder.Stage(Staged).Select(s => s.FileName()).ShouldBe(["000000010000000000000001", "000000010000000000000002", "000000010000000000000003.partial"]);
        Directory.GetFiles(Staged).Select(Path.GetFileName).ShouldContain("00000001.history");
    }

    [Fact]
    public void What_is_sealed_is_staged_no_more_but_for_the_newest()
    {
        var folder = new WalFolder(Received);
        Write("000000010000000000000001", "000000010000000000000002", "000000010000000000000003.partial");
        folder.RemoveSealed(folder.Stage(Staged));
        folder.Stage(Staged).Select(s => s.FileName()).ShouldBe(["000000010000000000000002", "000000010000000000000003.partial"]);
    }

    [Fact]
    public void The_receiver_goes_on_from_what_the_server_continues()
    {
        Write("000000010000000000000001");
        Partial("000000010000000000000002", WalSegment.DefaultBytes);
        new WalFolder(Received).MakeReady(In(2), In(2));
        Names().ShouldBe(["000000010000000000000001", "000000010000000000000002.partial"]);
    }

    // pg_receivewal refuses it, and would at every start.
    [Fact]
    public void A_segment_that_a_full_disk_cut_short_is_received_anew()
    {
        Write("000000010000000000000001");
        Partial("000000010000000000000002", 100_000);
        new WalFolder(Received).MakeReady(In(2), In(3));
        Names().ShouldBe(["000000010000000000000001"]);
    }

    [Theory]
    [InlineData(4, 9, "another host has received what is between")]
    [InlineData(0, 1, "the server was set back")]
    public void Log_that_the_server_does_not_continue_is_not_gone_on_from(uint kept, uint written, string because)
    {
        Write("000000010000000000000001", "000000010000000000000002", "00000001.history");
        Partial("000000010000000000000003", WalSegment.DefaultBytes);
        new WalFolder(Received).MakeReady(In(kept), In(written));
        Names().ShouldBe(["00000001.history"], because);
    }

    [Theory]
    [InlineData(3, false, "the receiver goes on with it")]
    [InlineData(4, true, "another host has received since")]
    public void Log_that_ends_before_the_servers_is_known_by_its_end(uint kept, bool isLeft, string because)
    {
        Write("000000010000000000000001", "000000010000000000000002");
        new WalFolder(Received).EndsBefore(In(kept)).ShouldBe(isLeft, because);
    }

    [Fact]
    public void Another_clusters_log_is_not_taken_for_this_ones()
    {
        Write("00000001.history");
        Of("000000010000000000000001", 7_512_345_678_901_234_567);
        Of("000000010000000000000002", 7_599_999_999_999_999_999);
        Partial("000000010000000000000003", WalSegment.DefaultBytes);
        new WalFolder(Received).RemoveForeign("7599999999999999999").ShouldBe(1);
        Names().ShouldBe(["00000001.history", "000000010000000000000002", "000000010000000000000003.partial"], "of the last nothing was received yet");
    }

    [Fact]
    public void An_empty_folder_is_ready()
    {
        new WalFolder(Received).MakeReady(In(2), In(3));
        Names().ShouldBeEmpty();
    }

    private static Lsn In(uint segment) => new((segment * (ulong)WalSegment.DefaultBytes) + 4711);

    private string[] Names() => [.. Directory.GetFiles(Received).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    // As the server begins a segment (XLogLongPageHeaderData).
    private void Of(string name, long system)
    {
        var page = new byte[8192];
        BitConverter.TryWriteBytes(page.AsSpan(24), system);
        File.WriteAllBytes(Path.Combine(Received, name), page);
    }

    private void Partial(string name, long bytes)
    {
        using var file = File.Create(Path.Combine(Received, name + ".partial"));
        file.SetLength(bytes);
    }

    private void Write(params string[] names)
    {
        foreach (var name in names)
        {
            File.WriteAllText(Path.Combine(Received, name), name);
        }
    }

    private async Task<string> ChangedAsync(string name)
    {
        using var stat = Process.Start(new ProcessStartInfo("stat", ["--format=%z", Path.Combine(Staged, name)]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        return await stat.StandardOutput.ReadToEndAsync(Stop);
    }
}
