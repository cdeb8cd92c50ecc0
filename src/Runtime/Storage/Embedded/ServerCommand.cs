using System.Diagnostics;

namespace ControlCenter.Runtime.Storage.Embedded;

/// <summary>Runs PostgreSQL's programs: never through a shell, and as an unprivileged user where the host itself is root.</summary>
internal static class ServerCommand
{
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

    /// <summary>Runs a short program to its end.</summary>
    public static (int ExitCode, string Output, string Error) Run(string program, IEnumerable<string> arguments, string? asOwner)
    {
        var info = StartInfo(program, arguments, asOwner);
        info.RedirectStandardOutput = true;
        info.RedirectStandardError = true;
        using var process = Process.Start(info)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            return (-1, output, $"{program} did not end within {Patience.TotalSeconds} s");
        }

#pragma warning disable VSTHRD002 // The process has ended, so its output has too.
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
#pragma warning restore VSTHRD002
    }
}
