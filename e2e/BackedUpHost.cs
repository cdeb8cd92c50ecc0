using System.Diagnostics;
using System.Globalization;

namespace ControlCenter.E2E;

/// <summary>A host with a repository that is not in its data folder, and what a founder does with the two from a terminal.</summary>
public sealed class BackedUpHost : IAsyncDisposable
{
    private readonly string _safe = Directory.CreateTempSubdirectory("cc-e2e-repository-").FullName;

    public BackedUpHost()
    {
        File.WriteAllText(Path.Combine(_safe, "password"), "the repository's own password\n");
        Host = new HostProcess { Settings = Repository };
    }

    public HostProcess Host { get; }

    private Dictionary<string, string> Repository => new()
    {
        ["CC_BACKUP_REPOSITORY"] = Path.Combine(_safe, "repository"),
        ["CC_BACKUP_PASSWORD_FILE"] = Path.Combine(_safe, "password"),
    };

    /// <summary>Takes a base backup and waits until it is in the repository, with its log.</summary>
    public async Task TakeBaseAsync(CancellationToken cancellationToken)
    {
        var run = await Host.Founder.PostAsync("backups", new { reason = "a test" }, cancellationToken);
        // It gives way to whatever else the machine does, and may be ten times as long for it.
        await Patience.UntilAsync(async () => await StateOfAsync($"jobs/base-backup/runs/{run["run_id"]}", cancellationToken) is "succeeded" or "failed", cancellationToken, 240);
        var story = (await Host.Founder.GetAsync($"jobs/base-backup/runs/{run["run_id"]}", cancellationToken)).Body!;
        story["run"]!["state"]!.ToString().ShouldBe("succeeded", story.ToJsonString());
        (await Host.Founder.GetAsync("restores/plan", cancellationToken)).IsRefused.ShouldBeFalse("its log is there too");
    }

    /// <summary>Waits until everything up to a moment can be restored.</summary>
    public Task ShippedAsync(DateTimeOffset moment, CancellationToken cancellationToken) =>
        Patience.UntilAsync(async () => !(await Host.Founder.GetAsync(PlanTo(moment), cancellationToken)).IsRefused, cancellationToken);

    /// <summary>Where the bus says what a restore to a moment would be.</summary>
    public static string PlanTo(DateTimeOffset moment) => $"restores/plan?to={moment.UtcDateTime:yyyy-MM-ddTHH:mm:ss.ffffff}Z";

    /// <summary>Kill -9 of the host and of everything that runs for it.</summary>
    public async Task KillAllAsync()
    {
        await Host.KillAsync();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && pid != Environment.ProcessId && IsOurs(folder))
            {
                AgentProcesses.Kill(pid);
            }
        }

        await Patience.UntilAsync(() => !Host.LeavesPostgresBehind(), CancellationToken.None);
    }

    /// <summary><c>./devxio restore</c>, knowing nothing but the repository and its password.</summary>
    public async Task<(int ExitCode, string Output)> RestoreAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        var info = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ControlCenter.dll"), "restore", .. arguments])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        foreach (var (name, value) in Repository)
        {
            info.Environment[name] = value;
        }

        info.Environment["CC_HOME"] = Host.Home;
        using var process = Process.Start(info)!;
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(cancellationToken), process.StandardError.ReadToEndAsync(cancellationToken));
        await process.WaitForExitAsync(cancellationToken);
        return (process.ExitCode, await output + await error);
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        Directory.Delete(_safe, recursive: true);
    }

    private async Task<string?> StateOfAsync(string path, CancellationToken cancellationToken) =>
        (await Host.Founder.GetAsync(path, cancellationToken)).Body?["run"]?["state"]?.ToString();

    private bool IsOurs(string folder)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, "cmdline")).Contains(Host.Home, StringComparison.Ordinal)
                || new FileInfo(Path.Combine(folder, "cwd")).LinkTarget?.StartsWith(Host.Home, StringComparison.Ordinal) == true;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            // It has ended meanwhile.
            return false;
        }
    }
}
