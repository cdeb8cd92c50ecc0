using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Recovery.Tools;
using ControlCenter.TestSupport;

namespace ControlCenter.Runtime.Tests.Recovery;

/// <summary>What must hold of backups when lines fail.</summary>
[Takes(seconds: 60)]
public sealed partial class CutLineTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_line_that_is_cut_during_an_upload_costs_nothing_but_time()
    {
        var served = Directory.CreateTempSubdirectory("cc-remote-").FullName;
        await using var remote = await RcloneServer.StartAsync(served, Stop);
        await using var line = new CuttableLine(remote.Port);
        await using var cluster = await BackedUpCluster.StartAsync(
            Stop, s => s with { Repository = $"rest:http://127.0.0.1:{line.Port}/", TransferPatience = TimeSpan.FromSeconds(30) });
        // What does not compress, so that much is on the line when it is cut.
        await cluster.ExecuteAsync("create table filler as select g, (select string_agg(sha512((random() * g + h)::text::bytea)::text, '') as text from generate_series(1, 16) h) from generate_series(1, 6000) g", Stop);
        line.CutAfter(3_000_000);
        var impatient = cluster.BaseBy(new Restic(cluster.Settings with { TransferPatience = TimeSpan.FromSeconds(5) }, TimeProvider.System));
        (await Should.ThrowAsync<ToolException>(() => impatient.ExecuteAsync(null, false, Caller.Host, null, Stop))).Fault.ShouldBeOneOf(RepositoryFault.Unreachable, RepositoryFault.Hanging);
        (await cluster.ProblemsAsync(Stop)).ShouldContain("repository-unreachable");
        await remote.KillAsync();
        await cluster.MarkAsync("written while the line was cut", Stop);

        await remote.StartAgainAsync(Stop);
        line.Mend(remote.Port);
        await cluster.TakeBaseAsync(Stop);
        await BackedUpCluster.UntilAsync(() => cluster.ScalarAsync<bool>("select failures = 0 from recovery_watch", Stop), Stop);
        await cluster.Stream.NextCycleAsync().WaitAsync(Patience, Stop);
        await cluster.Stream.ShipNowAsync(Stop);
        (await cluster.Verify.ExecuteAsync(null, Caller.Host, Stop)).Sound.ShouldBeTrue();
        (await cluster.ProblemsAsync(Stop)).ShouldBeEmpty();
        (await cluster.RestoreAsync(null, Stop)).Markers.ShouldBe(["written while the line was cut"]);
        await cluster.Stream.StopAsync(Stop);
        Directory.Delete(served, recursive: true);
    }

    /// <summary><c>rclone serve restic</c> on loopback: somebody else's storage.</summary>
    private sealed partial class RcloneServer(string folder) : IAsyncDisposable
    {
        private Process? _process;

        /// <summary>Another after each start: one that was given up may be taken by whoever comes next.</summary>
        public int Port { get; private set; }

        public static async Task<RcloneServer> StartAsync(string folder, CancellationToken cancellationToken)
        {
            var server = new RcloneServer(folder);
            await server.StartAgainAsync(cancellationToken);
            return server;
        }

        public async Task StartAgainAsync(CancellationToken cancellationToken)
        {
            var info = new ProcessStartInfo("rclone", ["serve", "restic", "--addr", "127.0.0.1:0", folder]) { RedirectStandardError = true, UseShellExecute = false };
            info.Environment["RCLONE_CONFIG"] = "/dev/null";
            _process = Process.Start(info)!;
            // Said once it listens.
            var listens = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
            _process.ErrorDataReceived += (_, said) =>
            {
                if (Address().Match(said.Data ?? "") is { Success: true } address)
                {
                    listens.TrySetResult(int.Parse(address.Groups[1].ValueSpan, CultureInfo.InvariantCulture));
                }
            };
            _process.BeginErrorReadLine();
            Port = await listens.Task.WaitAsync(Patience, cancellationToken);
        }

        public async Task KillAsync()
        {
            _process!.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        public async ValueTask DisposeAsync() => await KillAsync();

        [GeneratedRegex("http://127\\.0\\.0\\.1:([0-9]+)/")]
        private static partial Regex Address();
    }

    /// <summary>A line to a server, which can be cut in the middle of what is sent, and mended.</summary>
    private sealed class CuttableLine : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _ended = new();
        private readonly Task _accepting;
        private CancellationTokenSource _cut = new();
        private long _left = long.MaxValue;
        private int _to;

        public CuttableLine(int to)
        {
            _to = to;
            _listener.Start();
            Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
            _accepting = AcceptAsync();
        }

        public int Port { get; }

        public void CutAfter(long bytes) => Interlocked.Exchange(ref _left, bytes);

        public void Mend(int to)
        {
            _to = to;
            _cut = new CancellationTokenSource();
            Interlocked.Exchange(ref _left, long.MaxValue);
        }

        public async ValueTask DisposeAsync()
        {
            await _ended.CancelAsync();
            await _cut.CancelAsync();
            _listener.Stop();
            await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _ended.Dispose();
        }

        private async Task AcceptAsync()
        {
            while (!_ended.IsCancellationRequested)
            {
                _ = CarryAsync(await _listener.AcceptTcpClientAsync(_ended.Token));
            }
        }

        private async Task CarryAsync(TcpClient from)
        {
            using (from)
            using (var to = new TcpClient())
            {
                from.LingerState = new LingerOption(true, 0);
                var cut = _cut.Token;
                if (cut.IsCancellationRequested)
                {
                    return;
                }

                try
                {
                    await to.ConnectAsync(IPAddress.Loopback, _to, cut);
                    await Task.WhenAny(CopyAsync(from, to, counted: true, cut), CopyAsync(to, from, counted: false, cut));
                }
                catch (Exception fault) when (fault is SocketException or IOException or OperationCanceledException)
                {
                    // Whoever is at either end sees it cut, which is what this is for.
                }
            }
        }

        private async Task CopyAsync(TcpClient from, TcpClient to, bool counted, CancellationToken cut)
        {
            var buffer = new byte[64 * 1024];
            try
            {
                while (await from.GetStream().ReadAsync(buffer, cut) is > 0 and var read)
                {
                    if (counted && Interlocked.Add(ref _left, -read) <= 0)
                    {
                        await _cut.CancelAsync();
                        return;
                    }

                    await to.GetStream().WriteAsync(buffer.AsMemory(0, read), cut);
                }
            }
            catch (Exception fault) when (fault is IOException or OperationCanceledException or ObjectDisposedException)
            {
                // Cut.
            }
        }
    }
}
