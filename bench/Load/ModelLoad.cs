using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ControlCenter.Load;

/// <summary>A provider that streams the same message to everybody, piece by piece at a pace: what the gateway is measured in front of.</summary>
internal sealed class PacedProvider(int port, int pieces, TimeSpan pace)
{
    private static readonly byte[] Head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray();

    private readonly byte[] _start = Chunk("""{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"usage":{"input_tokens":80,"output_tokens":1}}}""");
    private readonly byte[] _piece = Chunk("""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"some words of an answer "}}""");
    private readonly byte[] _end = [.. Chunk("""{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":60}}"""), .. Chunk("""{"type":"message_stop"}"""), .. "0\r\n\r\n"u8];

    /// <summary>Serves for good.</summary>
    public async Task RunAsync()
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start(512);
        Console.WriteLine("listening");
        while (true)
        {
            _ = ServeAsync(await listener.AcceptTcpClientAsync());
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var _ = client;
        client.NoDelay = true;
        var stream = client.GetStream();
        var buffer = new byte[64 * 1024];
        try
        {
            while (await ReadRequestAsync(stream, buffer))
            {
                await stream.WriteAsync((byte[])[.. Head, .. _start]);
                for (var i = 0; i < pieces; i++)
                {
                    if (pace > TimeSpan.Zero)
                    {
                        await Task.Delay(pace);
                    }

                    await stream.WriteAsync(_piece);
                }

                await stream.WriteAsync(_end);
            }
        }
        catch (IOException)
        {
            // The caller has gone.
        }
    }

    private static async Task<bool> ReadRequestAsync(NetworkStream stream, byte[] buffer)
    {
        var read = 0;
        while (true)
        {
            var count = await stream.ReadAsync(buffer.AsMemory(read));
            if (count == 0)
            {
                return false;
            }

            read += count;
            var head = buffer.AsSpan(0, read).IndexOf("\r\n\r\n"u8);
            if (head >= 0)
            {
                var text = Encoding.ASCII.GetString(buffer, 0, head);
                var mark = text.IndexOf("Content-Length: ", StringComparison.OrdinalIgnoreCase);
                var length = int.Parse(text[(mark + 16)..].Split('\r')[0], CultureInfo.InvariantCulture);
                if (read >= head + 4 + length)
                {
                    return true;
                }
            }
        }
    }

    private static byte[] Chunk(string data)
    {
        var type = data.Split('"')[3];
        var text = $"event: {type}\ndata: {data}\n\n";
        return Encoding.ASCII.GetBytes($"{text.Length:x}\r\n{text}\r\n");
    }
}

/// <summary>Asks a model over and over on so many connections at once; tells answers a second, and how long first bytes and whole answers took.</summary>
internal sealed class ModelLoad(Uri address, string key)
{
    private static readonly string Body = $$"""{"model":"bench","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"{{new string('w', 2000)}}"}]}""";

    // Callers begin one after another, over about the time that one answer takes: in step, each would wait for all the others.
    private static readonly TimeSpan Apart = TimeSpan.FromMilliseconds(200);

    public async Task<string> RunAsync(int streams, TimeSpan duration)
    {
        var startedAt = Stopwatch.GetTimestamp();
        var lines = await Task.WhenAll(Enumerable.Range(0, streams).Select(i => Task.Run(() => AskAsync(startedAt, duration, Apart * i / streams))));
        var first = lines.SelectMany(l => l).Select(t => t.First).Order().ToArray();
        var whole = lines.SelectMany(l => l).Select(t => t.Whole).Order().ToArray();
        double At(double[] times, double share) => times[(int)(times.Length * share)];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{whole.Length / Stopwatch.GetElapsedTime(startedAt).TotalSeconds:0.0} {At(first, 0.5):0.00} {At(first, 0.99):0.00} {At(whole, 0.5):0.00} {At(whole, 0.99):0.00}");
    }

    private async Task<List<(double First, double Whole)>> AskAsync(long startedAt, TimeSpan duration, TimeSpan after)
    {
        await Task.Delay(after);
        using var tcp = new TcpClient(address.Host, address.Port) { NoDelay = true };
        var stream = tcp.GetStream();
        var request = Encoding.ASCII.GetBytes($"POST /v1/messages HTTP/1.1\r\nHost: {address.Authority}\r\nx-api-key: {key}\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\n\r\n{Body}");
        var buffer = new byte[64 * 1024];
        var times = new List<(double, double)>();
        while (Stopwatch.GetElapsedTime(startedAt) < duration)
        {
            var askedAt = Stopwatch.GetTimestamp();
            await stream.WriteAsync(request);
            var read = 0;
            double? first = null;
            do
            {
                var count = await stream.ReadAsync(buffer.AsMemory(read));
                read += count;
                first ??= Stopwatch.GetElapsedTime(askedAt).TotalMilliseconds;
                if (count == 0 || !buffer.AsSpan(0, read).StartsWith("HTTP/1.1 200"u8))
                {
                    throw new IOException(Encoding.UTF8.GetString(buffer, 0, read));
                }
            }
            while (!buffer.AsSpan(0, read).EndsWith("\r\n0\r\n\r\n"u8));
            times.Add((first.Value, Stopwatch.GetElapsedTime(askedAt).TotalMilliseconds));
        }

        return times;
    }
}
