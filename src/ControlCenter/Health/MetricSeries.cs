using System.Globalization;
using System.Text;

namespace ControlCenter.Health;

/// <summary>One series: a sum, a last value, or a histogram, as its instrument has it.</summary>
internal sealed class MetricSeries(string labels, bool isHistogram)
{
    // Seconds, from a memory read to a request that somebody gives up on.
    private static readonly double[] Bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

    private readonly Lock _gate = new();
    private readonly long[]? _buckets = isHistogram ? new long[Bounds.Length + 1] : null;
    private long _count;

    /// <summary>The labels as they are written.</summary>
    public string Labels { get; } = labels;

    /// <summary>The sum, or the last value.</summary>
    public double Sum { get; private set; }

    /// <summary>Takes in one measurement.</summary>
    public void Add(double measurement, bool replaces)
    {
        lock (_gate)
        {
            _count++;
            Sum = replaces ? measurement : Sum + measurement;
            if (_buckets is not null)
            {
                var bucket = 0;
                while (bucket < Bounds.Length && measurement > Bounds[bucket])
                {
                    bucket++;
                }

                _buckets[bucket]++;
            }
        }
    }

    /// <summary>Writes the series.</summary>
    public void Render(StringBuilder text, string name)
    {
        lock (_gate)
        {
            if (_buckets is null)
            {
                text.Append(CultureInfo.InvariantCulture, $"{name}{Braced()} {Sum}\n");
                return;
            }

            var cumulative = 0L;
            for (var i = 0; i < Bounds.Length; i++)
            {
                cumulative += _buckets[i];
                text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{Braced(Bounds[i].ToString(CultureInfo.InvariantCulture))} {cumulative}\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{Braced("+Inf")} {_count}\n");
            text.Append(CultureInfo.InvariantCulture, $"{name}_sum{Braced()} {Sum}\n{name}_count{Braced()} {_count}\n");
        }
    }

    private string Braced(string? le = null) => (Labels, le) switch
    {
        ("", null) => "",
        (_, null) => $"{{{Labels}}}",
        ("", _) => $"{{le=\"{le}\"}}",
        _ => $"{{{Labels},le=\"{le}\"}}",
    };
}
