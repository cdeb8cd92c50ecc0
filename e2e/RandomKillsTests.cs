using System.Globalization;
using System.Text.Json.Nodes;
using ControlCenter.TestSupport;

namespace ControlCenter.E2E;

/// <summary>Whatever is killed, and whenever: each task is completed once, and nothing is left running that nobody asked for.</summary>
[Takes(seconds: 55)]
public sealed class RandomKillsTests : IAsyncLifetime
{
    // It works for some seconds, saves each step, and goes on from the last one saved. What the bus answers it tells by its exit code:
    // curl's 22 is a refusal (a lost lease), after which it is not to go on; anything else is a bus that is away.
    private const string Worker =
        """
        name: worker
        adapter: process
        capabilities: [kill-me]
        instances: 3
        command:
          - sh
          - -c
          - |
            say() {
              until curl -fsS -o /dev/null --max-time 20 -H "Authorization: Bearer $CC_API_KEY" -H 'Content-Type: application/json' \
                -d "{\"lease_id\":\"$CC_LEASE_ID\",\"fencing_token\":$CC_FENCING_TOKEN,$2}" "$CC_BUS_URL/api/v1/tasks/$CC_TASK_ID/$1"; do
                code=$(curl -sS -o /dev/null -w '%{http_code}' --max-time 20 -H "Authorization: Bearer $CC_API_KEY" -H 'Content-Type: application/json' \
                  -d "{\"lease_id\":\"$CC_LEASE_ID\",\"fencing_token\":$CC_FENCING_TOKEN,$2}" "$CC_BUS_URL/api/v1/tasks/$CC_TASK_ID/$1")
                case $code in 2*) return ;; 401 | 403 | 409) echo "refused: $code"; exit 3 ;; esac
                sleep 0.5
              done
            }
            step=$(jq -r '.step // 0' "$CC_CHECKPOINT_FILE" 2>/dev/null || echo 0)
            echo "goes on from step $step"
            while [ "$step" -lt 4 ]; do
              step=$((step + 1))
              sleep 0.5
              say checkpoint "\"state\":{\"step\":$step}"
              echo "step $step"
            done
            say complete '"result":{"done":true}'
        """;

    private readonly string _home = Path.Combine("/tmp", $"cc-kills-{Guid.NewGuid():N}");
    private readonly HostProcess _host;

    public RandomKillsTests() => _host = new HostProcess(_home, localRunner: true);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(Path.Combine(_home, "agents"));
        await File.WriteAllTextAsync(Path.Combine(_home, "agents", "worker.yaml"), Worker, Stop);
        await _host.StartAsync(Stop);
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public Task Twelve_kills_at_random_leave_every_task_completed_once() => KillAsync(12, seed: 4);

    [Fact]
    [Trait("Category", "Soak")]
    public Task Two_hundred_kills_at_random_leave_every_task_completed_once() => KillAsync(200, seed: 200);

    private async Task KillAsync(int kills, int seed)
    {
        var random = new Random(seed);
        var ticket = await _host.Founder.PostAsync("tickets", new { title = "Survive" }, Stop);
        var tasks = new List<string>();
        var done = new Dictionary<string, int>();
        for (var kill = 0; kill < kills; kill++)
        {
            tasks.Add(await PlanAsync(ticket["key"], kill));
            await Patience.UntilAsync(async () => (await LiveAsync()).Count > 0, Stop);
            // Not a wait for anything: where in their work the next kill meets them is to be different each time.
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(2500)), Stop);
            var victim = await KillOneAsync(random);
            done[victim] = done.GetValueOrDefault(victim) + 1;
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ", done.Select(d => $"{d.Key} {d.Value}")));
        await Patience.UntilAsync(async () => await AllAsync($"tasks?ticket={ticket["key"]}") is { } all && all.TrueForAll(t => (string)t["state"]! == "completed"), Stop, 300);
        foreach (var task in tasks)
        {
            var events = (await _host.Founder.GetAsync($"events?kind=task.completed&subject=task:{task}&limit=10", Stop)).Body!["items"]!.AsArray();
            events.Count.ShouldBe(1, task);
            ExplainsItself((await _host.Founder.GetAsync($"tasks/{task}", Stop)).Body!);
        }

        await Patience.UntilAsync(async () => (await LiveAsync()).Count == 0, Stop);
        await Patience.UntilAsync(() => Agents().Count == 0, Stop);
        List<JsonNode>? runtimes = null;
        await Patience.UntilAsync(async () => (runtimes = await AllAsync("runtimes?")) is { } all && all.TrueForAll(r => r["end"] is not null), Stop);
        foreach (var runtime in runtimes!)
        {
            runtime["end_detail"].ShouldNotBeNull(runtime.ToJsonString());
        }
    }

    // Every attempt but the last has ended for a reason, and they overlap nowhere.
    private static void ExplainsItself(JsonNode task)
    {
        var attempts = task["attempts"]!.AsArray().OrderBy(a => (long)a!["fencing_token"]!).ToList();
        attempts.ShouldAllBe(a => a!["ended_at"] != null && a["end_reason"] != null);
        ((string)attempts[^1]!["end_reason"]!).ShouldBe("completed");
        foreach (var (earlier, later) in attempts.Zip(attempts.Skip(1)))
        {
            ((DateTimeOffset)earlier!["ended_at"]!).ShouldBeLessThanOrEqualTo((DateTimeOffset)later!["granted_at"]!);
        }
    }

    private async Task<string> PlanAsync(string ticket, int number)
    {
        string? task = null;
        await Patience.UntilAsync(async () =>
        {
            try
            {
                var planned = await _host.Founder.PostAsync(
                    $"tickets/{ticket}/tasks", new { title = $"Number {number}", required_capabilities = new[] { "kill-me" }, max_attempts = 100, lease_seconds = 30 },
                    Stop, idempotencyKey: $"task-{number}");
                task = planned.IsRefused ? null : planned["task_id"];
            }
            catch (HttpRequestException)
            {
                // It was killed just now, and is on its way back.
            }

            return task is not null;
        }, Stop);
        return task!;
    }

    private async Task<string> KillOneAsync(Random random)
    {
        switch (random.Next(4))
        {
            case 0 when Agents() is { Count: > 0 } agents:
                AgentProcesses.Kill(agents[random.Next(agents.Count)]);
                return "agent";
            case 1:
                if (int.TryParse((await File.ReadAllTextAsync(Path.Combine(_home, "runner", "runner.pid"), Stop)).Split(' ', '\n')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var runner))
                {
                    AgentProcesses.Kill(runner);
                }

                return "runner";
            case 2:
                await _host.EndPostgresAsync(Stop);
                return "PostgreSQL";
            default:
                await _host.KillAsync();
                await _host.StartAsync(Stop);
                return "host";
        }
    }

    private async Task<JsonArray> LiveAsync()
    {
        try
        {
            return (await _host.Founder.GetAsync("runtimes?phase=ready", Stop)).Body?["items"]?.AsArray() ?? [];
        }
        catch (HttpRequestException)
        {
            return [];
        }
    }

    // Null while the bus, or its database, is on its way back.
    private async Task<List<JsonNode>?> AllAsync(string path)
    {
        var all = new List<JsonNode>();
        string? cursor = null;
        do
        {
            var answer = await _host.Founder.GetAsync($"{path}&limit=200{(cursor is null ? "" : $"&cursor={cursor}")}", Stop);
            if (answer.IsRefused)
            {
                return null;
            }

            all.AddRange(answer.Body!["items"]!.AsArray().Select(item => item!));
            cursor = (string?)answer.Body["next_cursor"];
        }
        while (cursor is not null);
        return all;
    }

    private List<int> Agents() => AgentProcesses.Of(_home);
}
