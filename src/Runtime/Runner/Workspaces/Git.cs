using System.ComponentModel;
using System.Diagnostics;
using ControlCenter.Runtime.Runner.Adapters;

namespace ControlCenter.Runtime.Runner.Workspaces;

/// <summary>Calls git without asking anybody anything, and without running what a repository has as hooks.</summary>
internal static class Git
{
    // A checkout of a large repository from a slow disk; what takes longer hangs.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>What a command said, without its last line end.</summary>
    /// <exception cref="LaunchException">It failed; the message says what git said.</exception>
    public static async Task<string> RunAsync(string folder, CancellationToken cancellationToken, params IEnumerable<string> arguments)
    {
        var given = arguments.ToList();
        var (code, said, complained) = await TryAsync(folder, given, cancellationToken);
        return code == 0 ? said : throw new LaunchException($"git {given[0]} failed in {folder}: {FirstLineOf(complained)}");
    }

    /// <summary>Exit code, output and errors of a command.</summary>
    /// <exception cref="LaunchException">There is no git on this host.</exception>
    public static async Task<(int Code, string Said, string Complained)> TryAsync(string folder, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var info = new ProcessStartInfo("git", ["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "commit.gpgSign=false", "-C", folder, .. arguments])
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        foreach (var name in info.Environment.Keys.Where(n => n.StartsWith("GIT_", StringComparison.Ordinal)).ToList())
        {
            info.Environment.Remove(name);
        }

        info.Environment["GIT_TERMINAL_PROMPT"] = "0";
        info.Environment["LC_ALL"] = "C";
        using var process = Start(info);
        process.StandardInput.Close();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            var complained = process.StandardError.ReadToEndAsync(patience.Token);
            var said = await process.StandardOutput.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return (process.ExitCode, said.TrimEnd('\n'), await complained);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellationToken.ThrowIfCancellationRequested();
            throw new LaunchException($"git took longer than {Patience.TotalMinutes:0} minutes in {folder}.");
        }
    }

    private static Process Start(ProcessStartInfo info)
    {
        try
        {
            return Process.Start(info)!;
        }
        catch (Win32Exception fault)
        {
            throw new LaunchException($"git cannot be started on this host: {fault.Message}");
        }
    }

    private static string FirstLineOf(string text) => text.Split('\n').FirstOrDefault(l => l.Length > 0) ?? "it did not say why.";
}
