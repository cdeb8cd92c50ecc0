using System.Diagnostics.Metrics;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;

namespace ControlCenter.Runtime.Execution;

/// <summary>What is measured of starting and running agents.</summary>
public sealed class ExecutionMetrics : IDisposable
{
    private readonly Meter _meter = new("ControlCenter.Runtime");
    private readonly Histogram<double> _spawned;
    private readonly Counter<long> _leftOut;
    private volatile Reading _reading = new(0, 0, new Dictionary<RuntimePhase, int>());

    /// <summary>Makes the instruments.</summary>
    public ExecutionMetrics()
    {
        _spawned = _meter.CreateHistogram<double>("cc.spawn.duration", unit: "s", description: "From a runtime's request to its first sign of life");
        _leftOut = _meter.CreateCounter<long>("cc.host.observations_left_out", description: "What hosts reported and could not be kept");
        _meter.CreateObservableGauge("cc.spawn.queue_depth", () => _reading.Waiting, description: "Runtimes that wait for a slot");
        _meter.CreateObservableGauge("cc.spawn.queue_age", () => _reading.OldestSeconds, unit: "s", description: "How long the oldest of them has waited");
        _meter.CreateObservableGauge(
            "cc.runtimes", () => _reading.ByPhase.Select(p => new Measurement<int>(p.Value, new KeyValuePair<string, object?>("phase", p.Key.Wire()))),
            description: "Runtimes that are not over, by phase");
    }

    /// <summary>A runtime is ready.</summary>
    /// <param name="seconds">Since it was asked for.</param>
    public void Spawned(double seconds) => _spawned.Record(seconds);

    /// <summary>So much of a host's report could not be kept.</summary>
    public void LeftOut(int count) => _leftOut.Add(count);

    /// <summary>How it stands now.</summary>
    /// <param name="oldestSeconds">How long the one has waited that has waited longest; 0 for none.</param>
    /// <param name="byPhase">How many there are in each phase.</param>
    public void Set(double oldestSeconds, IReadOnlyDictionary<RuntimePhase, int> byPhase) =>
        _reading = new Reading(byPhase.GetValueOrDefault(RuntimePhase.Requested), oldestSeconds, byPhase);

    /// <inheritdoc />
    public void Dispose() => _meter.Dispose();

    private sealed record Reading(int Waiting, double OldestSeconds, IReadOnlyDictionary<RuntimePhase, int> ByPhase);
}
