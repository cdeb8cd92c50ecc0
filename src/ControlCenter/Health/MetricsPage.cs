using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace ControlCenter.Health;

/// <summary>
/// <c>/metrics</c>: what the host, ASP.NET Core, Npgsql and the runtime measure, as Prometheus text (exposition format 0.0.4).
/// Listens to .NET meters itself, because OpenTelemetry's exporter for it cannot be restored here (packages.md).
/// </summary>
internal sealed class MetricsPage : IHostedService, IDisposable
{
    private static readonly string[] Meters =
        [Bus.BusMetrics.Name, "ControlCenter.Runtime", "Npgsql", "System.Runtime", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel"];

    // By name: where several meters have an instrument of one name, they are one family.
    private readonly ConcurrentDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (Array.IndexOf(Meters, instrument.Meter.Name) >= 0)
            {
                listener.EnableMeasurementEvents(instrument, _families.GetOrAdd(MetricFamily.NameOf(instrument), static (name, i) => new MetricFamily(name, i), instrument));
            }
        };
        _listener.SetMeasurementEventCallback<double>(Record);
        _listener.SetMeasurementEventCallback<float>(Record);
        _listener.SetMeasurementEventCallback<long>(Record);
        _listener.SetMeasurementEventCallback<int>(Record);
        _listener.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _listener.Dispose();

    /// <summary>The page, as of now.</summary>
    public string Render()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var family in _families.Values.OrderBy(f => f.Name, StringComparer.Ordinal))
        {
            family.Render(text);
        }

        RenderPool(text);
        return text.ToString();
    }

    // The names that the blueprint asks for (8.8.1), from what Npgsql measures.
    private void RenderPool(StringBuilder text)
    {
        foreach (var (name, source, state) in new[]
        {
            ("struxio_db_pool_active", "db_client_connection_count", "used"),
            ("struxio_db_pool_idle", "db_client_connection_count", "idle"),
            ("struxio_db_pool_waiting", "db_client_connection_pending_requests", ""),
        })
        {
            var value = _families.GetValueOrDefault(source)?.SumOf(state) ?? 0;
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} gauge\n{name} {value}\n");
        }
    }

    private static void Record<T>(Instrument instrument, T measurement, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? family)
        where T : struct, INumber<T> => ((MetricFamily)family!).Record(double.CreateChecked(measurement), tags);
}
