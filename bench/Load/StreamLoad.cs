using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace ControlCenter.Load;

/// <summary>Messages to many readers of Server-Sent Events, each message with the time at which it was sent.</summary>
internal sealed class StreamLoad(Uri address, string[] keys, string subscribePath, string publishPath)
{
    // A little of what was read stays for the next read, in case a mark was cut in two.
    private const int LongestMark = 40;

    private readonly long _origin = Stopwatch.GetTimestamp();

    /// <summary>Runs, and returns how many were delivered, how many were lost, and the delays' median and 99th percentile in ms.</summary>
    public async Task<string> RunAsync(int subscribers, int seconds, int rate)
    {
        var total = seconds * rate;
        using var end = new CancellationTokenSource();
        var connected = new CountdownEvent(subscribers);
        var readers = Enumerable.Range(0, subscribers).Select(i => ReadAsync(keys[i % keys.Length], total, connected, end.Token)).ToArray();
        await Task.Run(connected.Wait);
        using (var line = new HttpLine(address, keys[0]))
        using (var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / rate)))
        {
            for (var n = 0; n < total; n++)
            {
                await timer.WaitForNextTickAsync();
                await line.PostAsync(publishPath, string.Create(CultureInfo.InvariantCulture, $"{{\"kind\":\"bench.sse\",\"data\":{{\"sent\":{Elapsed():0.000}}}}}"));
            }
        }

        end.CancelAfter(TimeSpan.FromSeconds(10));
        var all = (await Task.WhenAll(readers)).SelectMany(d => d).Order().ToArray();
        return string.Create(
            CultureInfo.InvariantCulture, $"{all.Length} {subscribers * total - all.Length} {all[all.Length / 2]:0.0} {all[(int)(all.Length * 0.99)]:0.0}");
    }

    private double Elapsed() => Stopwatch.GetElapsedTime(_origin).TotalMilliseconds;

    private async Task<List<double>> ReadAsync(string key, int total, CountdownEvent connected, CancellationToken end)
    {
        var delays = new List<double>(total);
        using var tcp = new TcpClient(address.Host, address.Port) { NoDelay = true };
        var stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"GET {subscribePath} HTTP/1.1\r\nHost: {address.Authority}\r\nAccept: text/event-stream\r\nAuthorization: Bearer {key}\r\n\r\n"), end);
        var buffer = new byte[64 * 1024];
        var kept = 0;
        var first = true;
        while (delays.Count < total)
        {
            int count;
            try
            {
                count = await stream.ReadAsync(buffer.AsMemory(kept), end);
            }
            catch (OperationCanceledException)
            {
                break;
            }

            if (count == 0)
            {
                break;
            }

            if (first)
            {
                first = false;
                connected.Signal();
            }

            kept = TakeDelays(buffer.AsSpan(0, kept + count), delays);
        }

        return delays;
    }

    /// <summary>Notes the delay of every message that is there in full; returns how many bytes stay, moved to the front.</summary>
    private int TakeDelays(Span<byte> text, List<double> delays)
    {
        var now = Elapsed();
        var from = 0;
        while (text[from..].IndexOf("\"sent\":"u8) is >= 0 and var mark)
        {
            var number = text[(from + mark + 7)..].TrimStart((byte)' ');
            if (number.IndexOf((byte)'}') < 0)
            {
                break;
            }

            if (Utf8Parser.TryParse(number, out double sent, out _))
            {
                delays.Add(now - sent);
            }

            from += mark + 7;
        }

        var rest = text[Math.Max(from, text.Length - LongestMark)..];
        rest.CopyTo(text);
        return rest.Length;
    }
}
