using System.Text.Json.Nodes;
using ControlCenter.TestSupport;

namespace ControlCenter.E2E;

/// <summary>Speaks a runner's protocol without running anything: what it is told to start it says that it runs, so that pages can be seen with what only machines have.</summary>
public sealed class FakeRunner : IAsyncDisposable
{
    private readonly BusClient _bus;
    private readonly BusClient _founder;
    private readonly string _host;
    private readonly CancellationTokenSource _over = new();
    private readonly Dictionary<string, JsonObject> _running = [];
    private readonly Dictionary<string, long> _lines = [];
    private readonly Guid _boot = Guid.CreateVersion7();
    private readonly Task _loop;

    private FakeRunner(BusClient bus, BusClient founder, string host)
    {
        (_bus, _founder, _host) = (bus, founder, host);
        _loop = RunAsync();
    }

    public static async Task<FakeRunner> JoinAsync(HostProcess host, string name, string[] labels, CancellationToken stop)
    {
        var made = await host.Founder.PostAsync("hosts", new { name, labels }, stop);
        return new FakeRunner(host.Client(made["key"]), host.Founder, made["host_id"]);
    }

    /// <summary>Puts lines out, as many as there are, in requests of a size that the bus takes.</summary>
    public async Task SayAsync(string runtime, IEnumerable<string> lines, CancellationToken stop, string source = "out")
    {
        foreach (var part in lines.Chunk(4_000))
        {
            var first = _lines.GetValueOrDefault(runtime);
            var answer = await _bus.PostAsync(
                $"hosts/{_host}/output",
                new[] { new { runtime_id = runtime, fencing_token = (long)_running[runtime]["fencing_token"]!, first_line = first, lines = part.Select(l => new { at = DateTimeOffset.UtcNow.ToString("O"), source, text = l }) } },
                stop);
            answer.Status.ShouldBe(System.Net.HttpStatusCode.OK, answer.Body?.ToJsonString());
            _lines[runtime] = answer.Body![0]!["next_line"]!.GetValue<long>();
        }

        lock (_running)
        {
            _running[runtime]["output_lines"] = _lines[runtime];
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // Else it counts as online for a while, and is given what the next test starts.
        await _founder.PostAsync($"hosts/{_host}/drain", null, CancellationToken.None);
        _founder.Dispose();
        _bus.Dispose();
        _over.Dispose();
    }

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(300));
        do
        {
            JsonArray runtimes;
            lock (_running)
            {
                runtimes = [.. _running.Values.Select(r => r.DeepClone())];
            }

            try
            {
                var orders = await _bus.PostAsync(
                    $"hosts/{_host}/report",
                    new
                    {
                        boot_id = _boot, version = "1.0", runtimes,
                        load = new { cores = 8, cpu_percent = 23.5, memory_mb = 32_000, memory_used_mb = 11_200, disk_mb = 480_000, disk_free_mb = 212_000 },
                    },
                    _over.Token);
                foreach (var order in orders.Body!["runtimes"]!.AsArray())
                {
                    await FollowAsync(order!);
                }
            }
            catch (HttpRequestException)
            {
                // The bus is on its way back; the next report is whole again.
            }
        }
        while (await timer.WaitForNextTickAsync(_over.Token));
    }

    private async Task FollowAsync(JsonNode order)
    {
        var id = order["runtime_id"]!.ToString();
        var known = _running.TryGetValue(id, out var runtime);
        if (!known)
        {
            (await _bus.PostAsync($"hosts/{_host}/runtimes/{id}/start", new { fencing_token = (long)order["fencing_token"]! }, _over.Token)).IsRefused.ShouldBeFalse();
            runtime = new JsonObject
            {
                ["runtime_id"] = id, ["fencing_token"] = (long)order["fencing_token"]!, ["phase"] = "ready", ["pid"] = 4711 + _running.Count, ["process_started_at"] = 812_345,
                ["memory_mb"] = 286, ["peak_memory_mb"] = 412, ["cpu_percent"] = 34.2, ["output_lines"] = 0, ["turns"] = 7, ["signature"] = "a", ["last_tool"] = "edit_file",
            };
        }

        lock (_running)
        {
            _running[id] = runtime!;
            var effective = order["interventions"]!.AsArray().Select(i => i!["intervention_id"]!.DeepClone()).ToArray();
            runtime!["effective"] = new JsonArray([.. effective]);
            runtime["paused"] = order["desired"]!.ToString() == "pause";
            if (order["desired"]!.ToString() == "stop")
            {
                (runtime["phase"], runtime["end"], runtime["exit_code"], runtime["detail"]) = ("ended", "stopped", 0, "It ended 0.4 s after SIGTERM.");
            }
        }
    }
}
