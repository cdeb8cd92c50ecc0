using System.Collections.Concurrent;
using System.Diagnostics;

namespace ControlCenter.E2E;

/// <summary>The SignalR client that is published for browsers and Node, following the host's whole feed in a process of its own.</summary>
public sealed class FeedClient : IDisposable
{
    private static readonly string Folder = Path.Combine(Checkout.Root, "e2e", "feed-client");

    private readonly Process _process;
    private readonly ConcurrentQueue<long> _seen = [];
    private readonly ConcurrentQueue<string?> _said = [];

    public FeedClient(Uri host)
    {
        Directory.Exists(Path.Combine(Folder, "node_modules")).ShouldBeTrue($"Its packages are not there: run npm ci in {Folder}, as ./test does.");
        var info = new ProcessStartInfo("node", [Path.Combine(Folder, "follow.mjs"), host.ToString().TrimEnd('/'), "0"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        info.Environment["CC_KEY"] = HostProcess.FounderKey;
        _process = Process.Start(info)!;
        _process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is { } seq)
            {
                _seen.Enqueue(long.Parse(seq));
            }
        };
        _process.ErrorDataReceived += (_, line) => _said.Enqueue(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The places of the events that it was sent, in the order in which they came.</summary>
    public IReadOnlyCollection<long> Seen => _seen;

    /// <summary>What it said of its connection.</summary>
    public string Said => string.Join('\n', _said);

    public bool IsRunning => !_process.HasExited;

    public void Dispose()
    {
        _process.Kill();
        _process.Dispose();
    }
}
