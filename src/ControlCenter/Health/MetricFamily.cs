using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace ControlCenter.Health;

/// <summary>One instrument as Prometheus has it: a series for each set of tags. Noting a measurement allocates nothing once its series is there.</summary>
internal sealed class MetricFamily(string name, Instrument instrument)
{
    private readonly string _help = (instrument.Description ?? instrument.Name).Replace("\n", " ", StringComparison.Ordinal);
    private readonly bool _isHistogram = KindOf(instrument).StartsWith("Histogram", StringComparison.Ordinal);
    private readonly bool _replaces = instrument.IsObservable;
    private readonly string _type = KindOf(instrument).StartsWith("Histogram", StringComparison.Ordinal) ? "histogram" : IsCounter(instrument) ? "counter" : "gauge";
    private readonly ConcurrentDictionary<KeyValuePair<string, object?>[], MetricSeries> _series = new(TagComparer.Instance);

    /// <summary>As Prometheus names it.</summary>
    public string Name { get; } = name;

    /// <summary>An instrument's name in Prometheus' words: its unit and, for a counter, <c>_total</c> at the end.</summary>
    public static string NameOf(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_').Replace('-', '_');
        var unit = instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        return (name.EndsWith(unit, StringComparison.Ordinal) ? name : name + unit) + (IsCounter(instrument) ? "_total" : "");
    }

    /// <summary>Notes one measurement.</summary>
    public void Record(double measurement, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (!_series.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>().TryGetValue(tags, out var series))
        {
            series = _series.GetOrAdd(tags.ToArray(), static (t, histogram) => new MetricSeries(LabelsOf(t), histogram), _isHistogram);
        }

        series.Add(measurement, _replaces);
    }

    /// <summary>What all series together stand at that have <paramref name="label"/> among their labels.</summary>
    public double SumOf(string label) => _series.Values.Where(s => s.Labels.Contains(label, StringComparison.Ordinal)).Sum(s => s.Sum);

    /// <summary>Writes the family, if there is anything to write.</summary>
    public void Render(StringBuilder text)
    {
        if (_series.IsEmpty)
        {
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $"# HELP {Name} {_help}\n# TYPE {Name} {_type}\n");
        foreach (var series in _series.Values.OrderBy(s => s.Labels, StringComparer.Ordinal))
        {
            series.Render(text, Name);
        }
    }

    private static string KindOf(Instrument instrument) => instrument.GetType().Name;

    private static bool IsCounter(Instrument instrument) =>
        KindOf(instrument).StartsWith("Counter", StringComparison.Ordinal) || KindOf(instrument).StartsWith("ObservableCounter", StringComparison.Ordinal);

    private static string LabelsOf(KeyValuePair<string, object?>[] tags) =>
        string.Join(',', tags.Where(t => t.Value is not null)
            .Select(t => $"{t.Key.Replace('.', '_')}=\"{Escaped(Convert.ToString(t.Value, CultureInfo.InvariantCulture)!)}\""));

    private static string Escaped(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    /// <summary>Compares sets of tags as instruments give them: in the same order.</summary>
    private sealed class TagComparer : IEqualityComparer<KeyValuePair<string, object?>[]>,
        IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, KeyValuePair<string, object?>[]>
    {
        public static readonly TagComparer Instance = new();

        public bool Equals(KeyValuePair<string, object?>[]? left, KeyValuePair<string, object?>[]? right) => Equals(left.AsSpan(), right!);

        public int GetHashCode(KeyValuePair<string, object?>[] tags) => GetHashCode(tags.AsSpan());

        public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> left, KeyValuePair<string, object?>[] right)
        {
            if (left.Length != right.Length)
            {
                return false;
            }

            for (var i = 0; i < left.Length; i++)
            {
                if (left[i].Key != right[i].Key || !Equals(left[i].Value, right[i].Value))
                {
                    return false;
                }
            }

            return true;
        }

        // Of the values alone: the keys of one instrument hardly ever differ.
        public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var hash = new HashCode();
            foreach (var tag in tags)
            {
                hash.Add(tag.Value);
            }

            return hash.ToHashCode();
        }

        public KeyValuePair<string, object?>[] Create(ReadOnlySpan<KeyValuePair<string, object?>> tags) => tags.ToArray();
    }
}
