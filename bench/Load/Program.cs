using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using ControlCenter.Load;

// Load URL KEY claims AGENTS SECONDS            claim + complete by so many agents; prints pairs a second
// Load URL KEY plan COUNT                       plans so many ready tasks
// Load URL KEY stream SUBSCRIBERS SECONDS RATE  events to so many streams; prints deliveries, losses and delays
var address = new Uri(args[0]);
var key = args[1];
using var http = new HttpClient { BaseAddress = new Uri(address, "/api/v1/") };
http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);

switch (args[2])
{
    case "plan":
        await PlanAsync(int.Parse(args[3], CultureInfo.InvariantCulture));
        break;
    case "claims":
        await ClaimsAsync(int.Parse(args[3], CultureInfo.InvariantCulture), TimeSpan.FromSeconds(int.Parse(args[4], CultureInfo.InvariantCulture)));
        break;
    case "stream":
        await StreamAsync(int.Parse(args[3], CultureInfo.InvariantCulture), int.Parse(args[4], CultureInfo.InvariantCulture), int.Parse(args[5], CultureInfo.InvariantCulture));
        break;
}

async Task<JsonElement> PostAsync(string path, object body)
{
    using var content = new StringContent(JsonSerializer.Serialize(body), Encoding.UTF8, "application/json");
    using var answer = await http.PostAsync(new Uri(path, UriKind.Relative), content);
    answer.EnsureSuccessStatusCode();
    return JsonElement.Parse(await answer.Content.ReadAsStringAsync());
}

async Task PlanAsync(int count)
{
    var ticket = (await PostAsync("tickets", new { title = "bench" })).GetProperty("key").GetString();
    await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) => await PostAsync($"tickets/{ticket}/tasks", new { title = $"t{i}" }));
}

async Task ClaimsAsync(int agents, TimeSpan duration)
{
    var ids = new List<string>();
    for (var i = 0; i < agents; i++)
    {
        ids.Add((await PostAsync("agents", new { name = $"bench-{Guid.NewGuid():N}", kind = "bench" })).GetProperty("agent_id").GetString()!);
    }

    var startedAt = Stopwatch.GetTimestamp();
    var counts = await Task.WhenAll(ids.Select(id => Task.Run(async () =>
    {
        using var line = new HttpLine(address, key);
        var claim = $"{{\"agent_id\":\"{id}\"}}";
        var done = 0;
        while (Stopwatch.GetElapsedTime(startedAt) < duration)
        {
            var (status, body) = await line.PostAsync("/api/v1/tasks/claim", claim);
            if (status != 200)
            {
                throw new InvalidOperationException($"claim: {status} {body}; plan more tasks");
            }

            // The three ids are cut out of the text: parsing the answer would be the client's cost.
            string Cut(string name, int length) => body.Substring(body.IndexOf(name, StringComparison.Ordinal) + name.Length, length);
            var task = Cut("\"task_id\":\"", 36);
            var lease = Cut("\"lease_id\":\"", 36);
            var token = Cut("\"fencing_token\":", 20).Split(',')[0];
            (status, body) = await line.PostAsync($"/api/v1/tasks/{task}/complete", $"{{\"lease_id\":\"{lease}\",\"fencing_token\":{token}}}");
            if (status != 200)
            {
                throw new InvalidOperationException($"complete: {status} {body}");
            }

            done++;
        }

        return done;
    })));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{counts.Sum() / Stopwatch.GetElapsedTime(startedAt).TotalSeconds:0.0}"));
}

async Task StreamAsync(int subscribers, int seconds, int rate)
{
    var delays = new List<double>[subscribers];
    var total = seconds * rate;
    var origin = Stopwatch.GetTimestamp();
    using var end = new CancellationTokenSource();
    var readers = Enumerable.Range(0, subscribers).Select(async i =>
    {
        delays[i] = new List<double>(total);
        using var tcp = new TcpClient(address.Host, address.Port) { NoDelay = true };
        var stream = tcp.GetStream();
        // The founder may have 256 streams on a channel; more are spread over the channels that carry everything that is posted.
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET /api/v1/stream?channel=all HTTP/1.1\r\nHost: {address.Authority}\r\nAuthorization: Bearer {(i < 250 ? key : args[6 + ((i - 250) / 250)])}\r\n\r\n"));
        var buffer = new byte[128 * 1024];
        var kept = 0;
        while (delays[i].Count < total)
        {
            var count = await stream.ReadAsync(buffer.AsMemory(kept), end.Token);
            if (count == 0)
            {
                break;
            }

            var span = buffer.AsSpan(0, kept + count);
            var now = Stopwatch.GetElapsedTime(origin).TotalMilliseconds;
            int mark;
            while ((mark = span.IndexOf("\"sent\":"u8)) >= 0)
            {
                var rest = span[(mark + 7)..];
                var stop = rest.IndexOf((byte)'}');
                if (stop < 0)
                {
                    span = span[mark..];
                    break;
                }

                if (System.Buffers.Text.Utf8Parser.TryParse(rest[..stop].TrimStart((byte)' '), out double sent, out _))
                {
                    delays[i].Add(now - sent);
                }

                span = rest[stop..];
            }

            kept = Math.Min(span.Length, 200);
            span[^kept..].CopyTo(buffer);
            if (mark < 0 && kept > 0)
            {
                // What is kept may begin inside a number that has been read; it has no mark in front of it then.
            }
        }
    }).ToArray();
    await Task.Delay(1_500);
    using var line = new HttpLine(address, key);
    using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1_000.0 / rate));
    for (var n = 0; n < total; n++)
    {
        await timer.WaitForNextTickAsync();
        await line.PostAsync("/api/v1/events", string.Create(CultureInfo.InvariantCulture, $"{{\"kind\":\"bench.sse\",\"data\":{{\"sent\":{Stopwatch.GetElapsedTime(origin).TotalMilliseconds:0.000}}}}}"));
    }

    end.CancelAfter(TimeSpan.FromSeconds(10));
    await Task.WhenAll(readers).ContinueWith(_ => { }, TaskScheduler.Default);
    var all = delays.SelectMany(d => d).Order().ToArray();
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{all.Length} {subscribers * total - all.Length} {all[all.Length / 2]:0.0} {all[(int)(all.Length * 0.99)]:0.0}"));
}
