using System.Collections.Concurrent;
using System.Diagnostics;

namespace ControlCenter.E2E;

/// <summary>One of the agents in <c>samples/</c>, run as its first lines say.</summary>
public sealed class SampleAgent : IDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string?> _said = [];

    public SampleAgent(string sample, string folder, Uri host)
    {
        var info = new ProcessStartInfo(Path.Combine(Checkout.Root, "samples", sample), [folder])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment["CC_URL"] = host.ToString().TrimEnd('/');
        info.Environment["CC_FOUNDER_KEY"] = HostProcess.FounderKey;
        _process = Process.Start(info)!;
        _process.OutputDataReceived += (_, line) => _said.Enqueue(line.Data);
        _process.ErrorDataReceived += (_, line) => _said.Enqueue(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Everything that it has said.</summary>
    public string Said => string.Join('\n', _said);

    /// <summary>Whether it is still at it: it waits a minute for more work before it ends.</summary>
    public bool IsRunning => !_process.HasExited;

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }
}
