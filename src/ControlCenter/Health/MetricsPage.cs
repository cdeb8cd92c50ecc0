using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
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

    // Seconds, from a memory read to a request that somebody gives up on.
    private static readonly double[] Bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    private readonly ConcurrentDictionary<Series, Value> _values = new();
    private readonly MeterListener _listener = new();

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (Array.IndexOf(Meters, instrument.Meter.Name) >= 0)
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>(Record);
        _listener.SetMeasurementEventCallback<float>((i, v, t, s) => Record(i, v, t, s));
        _listener.SetMeasurementEventCallback<long>((i, v, t, s) => Record(i, v, t, s));
        _listener.SetMeasurementEventCallback<int>((i, v, t, s) => Record(i, v, t, s));
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
        foreach (var family in _values.GroupBy(v => v.Key.Name, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            RenderFamily(text, family.Key, [.. family.OrderBy(v => v.Key.Labels, StringComparer.Ordinal)]);
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
            var value = _values.Where(v => v.Key.Name == source && v.Key.Labels.Contains(state, StringComparison.Ordinal)).Sum(v => v.Value.Sum);
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} gauge\n{name} {value}\n");
        }
    }

    private static void RenderFamily(StringBuilder text, string name, KeyValuePair<Series, Value>[] values)
    {
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {values[0].Value.Help}\n# TYPE {name} {values[0].Value.Type}\n");
        foreach (var (series, value) in values)
        {
            lock (value)
            {
                if (value.Buckets is null)
                {
                    text.Append(CultureInfo.InvariantCulture, $"{name}{Braced(series.Labels)} {value.Sum}\n");
                    continue;
                }

                var cumulative = 0L;
                for (var i = 0; i < Bounds.Length; i++)
                {
                    cumulative += value.Buckets[i];
                    text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{Braced(series.Labels, Bounds[i].ToString(CultureInfo.InvariantCulture))} {cumulative}\n");
                }

                text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{Braced(series.Labels, "+Inf")} {value.Count}\n");
                text.Append(CultureInfo.InvariantCulture, $"{name}_sum{Braced(series.Labels)} {value.Sum}\n{name}_count{Braced(series.Labels)} {value.Count}\n");
            }
        }
    }

    private static string Braced(string labels, string? le = null) => (labels, le) switch
    {
        ("", null) => "",
        (_, null) => $"{{{labels}}}",
        ("", _) => $"{{le=\"{le}\"}}",
        _ => $"{{{labels},le=\"{le}\"}}",
    };

    private void Record(Instrument instrument, double measurement, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        var value = _values.GetOrAdd(new Series(NameOf(instrument), LabelsOf(tags)), static (_, i) => new Value(i), instrument);
        lock (value)
        {
            value.Add(measurement);
        }
    }

    private static string NameOf(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_').Replace('-', '_');
        var unit = instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        var total = instrument.GetType().Name is ['C', 'o', 'u', 'n', 't', 'e', 'r', ..] or ['O', 'b', 's', 'e', 'r', 'v', 'a', 'b', 'l', 'e', 'C', 'o', 'u', 'n', 't', 'e', 'r', ..] ? "_total" : "";
        return (name.EndsWith(unit, StringComparison.Ordinal) ? name : name + unit) + total;
    }

    private static string LabelsOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return "";
        }

        var text = new StringBuilder();
        foreach (var (key, value) in tags)
        {
            if (key == "db.client.connection.pool.name" || value is null)
            {
                continue;
            }

            text.Append(text.Length > 0 ? "," : "").Append(key.Replace('.', '_')).Append("=\"")
                .Append(Convert.ToString(value, CultureInfo.InvariantCulture)!.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal))
                .Append('"');
        }

        return text.ToString();
    }

    private readonly record struct Series(string Name, string Labels);

    /// <summary>One series: a sum, a last value, or a histogram, as its instrument has it.</summary>
    private sealed class Value(Instrument instrument)
    {
        private readonly bool _replaces = instrument.IsObservable;
        private readonly string _kind = instrument.GetType().Name;

        public string Help { get; } = (instrument.Description ?? instrument.Name).Replace("\n", " ", StringComparison.Ordinal);

        public long[]? Buckets { get; } = instrument.GetType().Name.StartsWith("Histogram", StringComparison.Ordinal) ? new long[Bounds.Length + 1] : null;

        public double Sum { get; private set; }

        public long Count { get; private set; }

        public string Type => Buckets is not null ? "histogram"
            : _kind.StartsWith("Counter", StringComparison.Ordinal) || _kind.StartsWith("ObservableCounter", StringComparison.Ordinal) ? "counter"
            : "gauge";

        public void Add(double measurement)
        {
            Count++;
            Sum = _replaces ? measurement : Sum + measurement;
            if (Buckets is not null)
            {
                var index = Array.FindIndex(Bounds, b => measurement <= b);
                Buckets[index < 0 ? Bounds.Length : index]++;
            }
        }
    }
}
