using System.Diagnostics;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>Runs PostgreSQL's programs: never through a shell, and as an unprivileged user where the host itself is root.</summary>
internal static class ServerCommand
{
    // initdb, the longest of them, takes a second or two; on a starved disk it has been seen to take half a minute.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>How a program is started for the cluster's owner.</summary>
    /// <param name="program">Its path.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="asOwner">The user to become; null to stay who the host is.</param>
    public static ProcessStartInfo StartInfo(string program, IEnumerable<string> arguments, string? asOwner)
    {
        var info = new ProcessStartInfo { UseShellExecute = false, WorkingDirectory = "/" };
        if (asOwner is null)
        {
            info.FileName = program;
        }
        else
        {
            info.FileName = "/usr/bin/setpriv";
            foreach (var argument in new[] { $"--reuid={asOwner}", $"--regid={asOwner}", "--init-groups", "--", program })
            {
                info.ArgumentList.Add(argument);
            }
        }

        foreach (var argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }

        // The founder's key and everything else that the host was given is nobody's business here.
        info.Environment.Clear();
        info.Environment["PATH"] = "/usr/bin:/bin";
        info.Environment["LC_ALL"] = "C.UTF-8";
        info.Environment["TZ"] = "UTC";
        return info;
    }

    /// <summary>Runs a short program to its end; one that is cancelled or takes too long is killed with its children.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(
        string program, IEnumerable<string> arguments, string? asOwner, CancellationToken cancellationToken)
    {
        var info = StartInfo(program, arguments, asOwner);
        info.RedirectStandardOutput = true;
        info.RedirectStandardError = true;
        using var process = Process.Start(info)!;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(patience.Token);
            var error = process.StandardError.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
            return (process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellationToken.ThrowIfCancellationRequested();
            return (-1, "", $"{program} did not end within {Patience.TotalSeconds} s");
        }
    }
}
