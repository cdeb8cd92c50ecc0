using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Execution;
using ControlCenter.TestSupport;

namespace ControlCenter.Tests.Execution;

/// <summary>A runner that starts nothing, and says over HTTP whatever a test has it say.</summary>
public sealed class FakeRunner(BusClient bus, Guid hostId, string key)
{
    private readonly Guid _boot = Guid.CreateVersion7();

    public BusClient Bus { get; } = bus;

    public Guid HostId { get; } = hostId;

    public string Key { get; } = key;

    /// <summary>What it says of its machine: 10 GB, of which 1 GB is used, unless a test says otherwise.</summary>
    public HostLoad Load { get; set; } = new(4, 10, 10_000, 1_000, 100_000, 50_000);

    /// <summary>What it says of what runs there.</summary>
    public Dictionary<Guid, RuntimeObservation> Runtimes { get; } = [];

    public static async Task<FakeRunner> JoinAsync(RunningHost host, string name, CancellationToken stop, params string[] labels)
    {
        var answer = await host.Client().PostAsync("hosts", new { name, labels }, stop);
        answer.Status.ShouldBe(HttpStatusCode.Created, answer.Body?.ToJsonString());
        var runner = new FakeRunner(host.Client(answer["key"]), Guid.Parse(answer["host_id"]), answer["key"]);
        await runner.ReportAsync(stop);
        return runner;
    }

    public async Task<HostOrders> ReportAsync(CancellationToken stop, string? seen = null, int waitSeconds = 0)
    {
        var answer = await TryReportAsync(HostId, stop, seen, waitSeconds);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Body?.ToJsonString());
        var orders = answer.Body.Deserialize<HostOrders>(WireJson.Options)!;
        Announce(orders);
        return orders;
    }

    /// <summary>Waits until it is told something else than before.</summary>
    public async Task<HostOrders> ChangeAsync(HostOrders before, CancellationToken stop)
    {
        HostOrders orders;
        do
        {
            orders = await ReportAsync(stop, before.Mark, 15);
        }
        while (orders.Mark == before.Mark);

        return orders;
    }

    public Task<BusAnswer> TryReportAsync(Guid host, CancellationToken stop, string? seen = null, int waitSeconds = 0) =>
        PostAsync($"hosts/{host}/report", new HostReport(_boot, "1.0", Load, [.. Runtimes.Values], seen, waitSeconds), stop);

    public Task<BusAnswer> TryStartAsync(RuntimeOrder order, CancellationToken stop) =>
        PostAsync($"hosts/{HostId}/runtimes/{order.RuntimeId}/start", new StartRuntimeRequest(order.FencingToken), stop);

    public async Task<StartPackage> StartAsync(RuntimeOrder order, CancellationToken stop)
    {
        var answer = await TryStartAsync(order, stop);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Body?.ToJsonString());
        return answer.Body.Deserialize<StartPackage>(WireJson.Options)!;
    }

    /// <summary>Waits until it is told to run this runtime.</summary>
    public async Task<RuntimeOrder> OrderAsync(Guid runtime, CancellationToken stop)
    {
        var orders = await ReportAsync(stop);
        while (orders.Runtimes.All(r => r.RuntimeId != runtime))
        {
            orders = await ReportAsync(stop, orders.Mark, 10);
        }

        return orders.Runtimes.Single(r => r.RuntimeId == runtime);
    }

    /// <summary>Has a runtime started, observed and ready.</summary>
    public async Task<StartPackage> RunAsync(Guid runtime, CancellationToken stop, int memoryMb = 100)
    {
        var order = await OrderAsync(runtime, stop);
        var package = await StartAsync(order, stop);
        Say(order, RuntimePhase.Ready, s => s with { Pid = 4711, ProcessStartedAt = 99, MemoryMb = memoryMb, PeakMemoryMb = memoryMb });
        await ReportAsync(stop);
        return package;
    }

    public void Say(RuntimeOrder order, RuntimePhase phase, Func<RuntimeObservation, RuntimeObservation>? more = null) =>
        Say(order.RuntimeId, s => (more ?? (x => x))(s with { FencingToken = order.FencingToken, Phase = phase }));

    public void Say(Guid runtime, Func<RuntimeObservation, RuntimeObservation> more) =>
        Runtimes[runtime] = more(Runtimes.GetValueOrDefault(runtime) ?? new RuntimeObservation(runtime, 1, RuntimePhase.Granted));

    /// <summary>Says that a process is gone.</summary>
    public Task<HostOrders> EndAsync(Guid runtime, RuntimeEnd end, CancellationToken stop, int? exitCode = null)
    {
        Say(runtime, s => s with { Phase = RuntimePhase.Ended, End = end, ExitCode = exitCode });
        return ReportAsync(stop);
    }

    // From then on it names what it is to start, as every runner does: else the bus gives that up after 20 s, which a test may take on a busy machine.
    private void Announce(HostOrders orders)
    {
        foreach (var gone in Runtimes.Values.Where(r => r.Phase == RuntimePhase.Granted && orders.Runtimes.All(o => o.RuntimeId != r.RuntimeId)).ToList())
        {
            Runtimes.Remove(gone.RuntimeId);
        }

        foreach (var order in orders.Runtimes.Where(o => o.Desired != DesiredState.Stop && Runtimes.GetValueOrDefault(o.RuntimeId) is null or { Phase: RuntimePhase.Granted }))
        {
            Say(order, RuntimePhase.Granted);
        }
    }

    private Task<BusAnswer> PostAsync<T>(string path, T body, CancellationToken stop) =>
        Bus.PostRawAsync(path, JsonSerializer.Serialize(body, WireJson.Options), stop);
}

/// <summary>What tests of runtimes have in common.</summary>
public abstract class RuntimeTests(HostFixture fixture) : BusTests(fixture)
{
    private static int _numbers;

    protected static string Fresh(string stem) => $"{stem}-{Interlocked.Increment(ref _numbers)}";

    protected Task<FakeRunner> RunnerAsync(params string[] labels) => FakeRunner.JoinAsync(Host, Fresh("host"), Stop, labels);

    /// <summary>A definition of its own, whose runtimes only go to hosts with that label.</summary>
    protected async Task<string> DefinitionAsync(object? more = null, string? label = null)
    {
        var name = Fresh("made");
        var fields = JsonSerializer.SerializeToNode(more ?? new { })!.AsObject();
        fields["name"] = name;
        fields["adapter"] ??= "process";
        if (fields["adapter"]!.ToString() == "process")
        {
            fields["command"] ??= new JsonArray("/bin/true");
        }

        fields["host_labels"] ??= label is null ? new JsonArray() : new JsonArray(label);
        var answer = await Founder.SendAsync(HttpMethod.Put, $"agent-definitions/{name}", JsonSerializer.SerializeToUtf8Bytes(fields), null, Stop);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Body?.ToJsonString());
        return name;
    }

    protected async Task<Guid> RequestAsync(string definition, string? task = null, BusClient? by = null, int? priority = null)
    {
        var answer = await (by ?? Founder).PostAsync("runtimes", new { definition, task_id = task, priority }, Stop);
        answer.Status.ShouldBe(HttpStatusCode.Created, answer.Body?.ToJsonString());
        return Guid.Parse(answer["runtime_id"]);
    }

    protected async Task<JsonNode> RuntimeAsync(Guid id) => (await Founder.GetAsync($"runtimes/{id}", Stop)).Body!["runtime"]!;

    protected Task PhaseAsync(Guid id, string phase) =>
        Work.LeaseTests.Eventually(async () => (await RuntimeAsync(id))["phase"]!.ToString() == phase);

    protected Task<int> ChangeAsync(string sql) => Host.SqlAsync<int>($"with changed as ({sql} returning 1) select count(*)::int from changed", Stop);
}
