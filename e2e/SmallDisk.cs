using System.Diagnostics;

namespace ControlCenter.E2E;

/// <summary>A file system of its own, in memory, that can be filled up and given room again.</summary>
public sealed class SmallDisk : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cc-disk-").FullName;

    /// <summary>Where it is mounted.</summary>
    public string Folder => _folder;

    private string Ballast => Path.Combine(_folder, "ballast");

    /// <summary>Mounts one; where that is not allowed the test is skipped, and says why.</summary>
    public static async Task<SmallDisk> MountAsync(int megabytes)
    {
        var disk = new SmallDisk();
        var said = await RunAsync("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "control-center-test", disk._folder);
        if (said is not null)
        {
            Directory.Delete(disk._folder);
            Assert.Skip($"A disk that fills up needs a mount, and this user may not make one: {said.Trim()}");
        }

        return disk;
    }

    /// <summary>Takes all the room there is.</summary>
    public void Fill()
    {
        using var ballast = File.OpenHandle(Ballast, FileMode.Create, FileAccess.Write);
        var page = new byte[64 * 1024];
        try
        {
            for (var at = 0L; ; at += page.Length)
            {
                RandomAccess.Write(ballast, page, at);
            }
        }
        catch (IOException)
        {
            // It is full.
        }
    }

    /// <summary>Gives the room back.</summary>
    public void MakeRoom() => File.Delete(Ballast);

    public async ValueTask DisposeAsync()
    {
        (await RunAsync("umount", "--lazy", _folder)).ShouldBeNull();
        Directory.Delete(_folder);
    }

    /// <summary>Runs a program; null if it went well, what it said if not.</summary>
    private static async Task<string?> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        var said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? null : said;
    }
}
