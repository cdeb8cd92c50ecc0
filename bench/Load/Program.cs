using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ControlCenter.Load;

// Load URL KEY claims AGENTS SECONDS            claim + complete by so many agents; prints pairs a second
// Load URL KEY plan COUNT                       plans so many ready tasks
// Load URL KEY stream SUBSCRIBERS SECONDS RATE SUBSCRIBE-PATH PUBLISH-PATH [KEY…]
//                                               messages to so many streams, spread over the keys; prints deliveries, losses, p50 and p99
// Load URL KEY models STREAMS SECONDS            streamed messages on so many connections; prints answers/s, p50 and p99 of the first byte and of the whole
// Load URL KEY provider PORT PIECES PACE         serves them: so many pieces, so many ms apart
var address = new Uri(args[0]);
var key = args[1];
using var http = new HttpClient { BaseAddress = new Uri(address, "/api/v1/") };
http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);

switch (args[2])
{
    case "plan":
        await PlanAsync(int.Parse(args[3], CultureInfo.InvariantCulture));
        break;
    case "provider":
        await new PacedProvider(
            int.Parse(args[3], CultureInfo.InvariantCulture), int.Parse(args[4], CultureInfo.InvariantCulture), TimeSpan.FromMilliseconds(int.Parse(args[5], CultureInfo.InvariantCulture))).RunAsync();
        break;
    case "models":
        Console.WriteLine(await new ModelLoad(address, key).RunAsync(int.Parse(args[3], CultureInfo.InvariantCulture), TimeSpan.FromSeconds(int.Parse(args[4], CultureInfo.InvariantCulture))));
        break;
    case "claims":
        await ClaimsAsync(int.Parse(args[3], CultureInfo.InvariantCulture), TimeSpan.FromSeconds(int.Parse(args[4], CultureInfo.InvariantCulture)));
        break;
    case "stream":
        var numbers = Array.ConvertAll(args[3..6], n => int.Parse(n, CultureInfo.InvariantCulture));
        Console.WriteLine(await new StreamLoad(address, [key, .. args[8..]], args[6], args[7]).RunAsync(numbers[0], numbers[1], numbers[2]));
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
