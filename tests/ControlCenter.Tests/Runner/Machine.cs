using ControlCenter.Runtime.Runner;
using ControlCenter.Runtime.Runner.Bus;
using ControlCenter.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;

namespace ControlCenter.Tests.Runner;

/// <summary>A machine that has joined a bus: a runner with a folder of its own, and a cable that can be cut.</summary>
internal sealed class Machine : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cc-machine-").FullName;
    private readonly CancellationTokenSource _stop = new(), _handOver = new();
    private readonly BusConnection _bus;
    private readonly HostRunner _runner;

    private Machine(RunningHost host, string name, string id, string key, RunnerOptions? options, TimeProvider? time)
    {
        (Name, Id, Key) = (name, id, key);
        Cable = new Cable(host.Address);
        _bus = new BusConnection(Cable.Address, () => Key);
        _runner = new HostRunner(
            (options ?? Supervised.Quick) with { Folder = _folder }, RunnerParts.Standard, _bus, new HostFacts("0.0.0-test"), NullLogger.Instance, time ?? TimeProvider.System);
        Outcome = _runner.RunAsync(new RunnerEnding(_stop.Token, _handOver.Token));
    }

    /// <summary>Its name, and its one label.</summary>
    public string Name { get; }

    public string Id { get; }

    public string Key { get; }

    public Cable Cable { get; }

    /// <summary>How its runner ended.</summary>
    public Task<RunnerOutcome> Outcome { get; }

    public Task<KnownHost> Joined => _runner.Joined;

    /// <summary>Where its runner keeps what runs there.</summary>
    public string Folder => _folder;

    public static async Task<Machine> JoinAsync(RunningHost host, BusClient founder, CancellationToken stop, RunnerOptions? options = null, string? label = null, TimeProvider? time = null)
    {
        var name = $"machine-{Guid.NewGuid():N}";
        var let = await founder.PostAsync("hosts", new { name, labels = label is null ? new[] { name } : [name, label] }, stop);
        let.Status.ShouldBe(System.Net.HttpStatusCode.Created, let.Body?.ToJsonString());
        var machine = new Machine(host, name, let["host_id"], let["key"], options, time);
        await Task.WhenAny(machine.Joined, machine.Outcome).WaitAsync(stop);
        return machine;
    }

    /// <summary>Tells the runner to stop, as a signal would.</summary>
    public async Task<RunnerOutcome> StopAsync()
    {
        await _stop.CancelAsync();
        return await Outcome;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await ((Task)Outcome).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _bus.Dispose();
        await Cable.DisposeAsync();
        _stop.Dispose();
        _handOver.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
