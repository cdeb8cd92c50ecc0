using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using ControlCenter.Events;
using ControlCenter.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Events;

[Collection(nameof(AloneOnTheMachine))]
public sealed class StalledReaderTests : IAsyncLifetime
{
    // Far more than the kernel's buffers for one connection hold, so that the host itself is what has to hold back.
    private const int FloodBatches = 24, FloodBatch = 50, FloodEventBytes = 16 * 1024;

    private const int OtherReaders = 3, MeasuredEvents = 150;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // The stalled reader stays for as long as the others are looked at: whom it holds up, it holds up for ever.
    private readonly TestClock _clock = new() { HeldFrom = Patience };
    private readonly List<Reader> _others = [];
    private RunningHost _host = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await RunningHost.StartAsync(Stop, time: _clock);
        for (var i = 0; i < OtherReaders; i++)
        {
            _others.Add(await Reader.StartAsync(_host));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var reader in _others)
        {
            await reader.DisposeAsync();
        }

        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_reader_that_stops_reading_costs_little_memory_holds_up_nobody_is_cut_off_and_resumes_with_nothing_lost()
    {
        var streams = _host.Services.GetRequiredService<StreamRegistry>();
        await DeliverAsync("calm");

        using var stalled = await StallAsync();
        await FloodAsync();
        await Work.LeaseTests.Eventually(() => Task.FromResult(streams.BufferedBytes > 0 && _others.TrueForAll(r => r.Last == Head())));
        streams.BufferedBytes.ShouldBeLessThan(128 * 1024);
        await DeliverAsync("beside the stalled reader");
        streams.Count.ShouldBe(OtherReaders + 1, "the stalled reader was to be there while the others were measured");
        streams.BufferedBytes.ShouldBeLessThan(128 * 1024);

        _clock.Advance(Patience);
        await Work.LeaseTests.Eventually(() => Task.FromResult(streams.Count == OtherReaders));
        streams.BufferedBytes.ShouldBe(0);
        using var http = new HttpClient { BaseAddress = _host.Address };
        (await http.GetStringAsync("/metrics", Stop)).ShouldMatch("(?m)^cc_stream_cut_total 1$");

        using var resumed = await _host.Client().StreamAsync("?channel=all", Stop, stalled.Last);
        var head = Head();
        var kept = await _host.SqlAsync<long[]>($"select array_agg(seq order by seq) from events where seq > {stalled.Last} and seq <= {head}", Stop);
        var received = new List<long>();
        while (received.Count < kept.Length)
        {
            received.Add((await resumed.NextAsync(Stop)).ShouldNotBeNull().Id!.Value);
        }

        received.ShouldBe(kept);
        _others.ForEach(r => r.Ids.Where(id => id > stalled.Last && id <= head).ShouldBe(kept));
    }

    private long Head() => _host.Services.GetRequiredService<Runtime.EventLog.EventFeed>().Head;

    /// <summary>Posts events one after another until the other readers have them all, and tells what that took; how long it may take is the bench's to say.</summary>
    private async Task DeliverAsync(string when)
    {
        var founder = _host.Client();
        _others.ForEach(r => r.Delays.Clear());
        for (var i = 0; i < MeasuredEvents; i++)
        {
            await founder.PostAsync("events", new { kind = "pace.test", data = new { sent = Stopwatch.GetTimestamp() } }, Stop);
        }

        await Work.LeaseTests.Eventually(() => Task.FromResult(_others.TrueForAll(r => r.Delays.Count == MeasuredEvents)));
        var delays = _others.SelectMany(r => r.Delays).Order().ToList();
        TestContext.Current.TestOutputHelper?.WriteLine($"post → read, {when}: p99 {delays[delays.Count * 99 / 100]:0.0} ms");
    }

    private async Task FloodAsync()
    {
        var text = new string('x', FloodEventBytes);
        var batch = Enumerable.Range(0, FloodBatch).Select(i => new { kind = "flood.test", data = new { i, text } }).ToArray();
        for (var i = 0; i < FloodBatches; i++)
        {
            (await _host.Client().PostAsync("events", batch, Stop)).Status.ShouldBe(System.Net.HttpStatusCode.Created);
        }
    }

    /// <summary>Connects as a program would that reads one message and then hangs.</summary>
    private async Task<StalledReader> StallAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(_host.Address.Host, _host.Address.Port, Stop);
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"GET /api/v1/stream?channel=all HTTP/1.1\r\nHost: {_host.Address.Authority}\r\nAuthorization: Bearer {RunningHost.FounderKey}\r\n\r\n"), Stop);
        var heard = "";
        var buffer = new byte[4096];
        while (true)
        {
            heard += Encoding.UTF8.GetString(buffer, 0, await socket.ReceiveAsync(buffer, Stop));
            if (Regex.Match(heard, @"id: (\d+)\ndata: .*\n\n") is { Success: true } message)
            {
                return new StalledReader(socket, long.Parse(message.Groups[1].Value));
            }

            if (heard.Contains(": connected", StringComparison.Ordinal))
            {
                await _host.Client().PostAsync("events", new { kind = "first.test" }, Stop);
            }
        }
    }

    private sealed record StalledReader(Socket Socket, long Last) : IDisposable
    {
        public void Dispose() => Socket.Dispose();
    }

    /// <summary>A reader that keeps up, and notes when it got what.</summary>
    private sealed class Reader(EventSource stream) : IAsyncDisposable
    {
        private readonly CancellationTokenSource _ended = new();
        private Task _reading = Task.CompletedTask;
        private long _last;

        public long Last => Volatile.Read(ref _last);

        public System.Collections.Concurrent.ConcurrentQueue<long> Ids { get; } = [];

        public System.Collections.Concurrent.ConcurrentQueue<double> Delays { get; } = [];

        public static async Task<Reader> StartAsync(RunningHost host)
        {
            var reader = new Reader(await host.Client().StreamAsync("?channel=all", Stop));
            reader._reading = reader.ReadAsync();
            return reader;
        }

        public async ValueTask DisposeAsync()
        {
            await _ended.CancelAsync();
            await _reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            stream.Dispose();
            _ended.Dispose();
        }

        private async Task ReadAsync()
        {
            while (await stream.NextAsync(_ended.Token) is { } message)
            {
                if (message.Data!["kind"]!.ToString() == "pace.test")
                {
                    Delays.Enqueue(Stopwatch.GetElapsedTime((long)message.Data["data"]!["sent"]!).TotalMilliseconds);
                }

                Ids.Enqueue(message.Id!.Value);
                Volatile.Write(ref _last, message.Id.Value);
            }
        }
    }
}
