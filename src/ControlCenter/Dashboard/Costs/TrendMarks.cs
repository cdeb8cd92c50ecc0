using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Events;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Models;

namespace ControlCenter.Dashboard.Costs;

/// <summary>Something that may explain a change in the trend.</summary>
/// <param name="Seq">Its place in the log.</param>
/// <param name="At">When it happened.</param>
/// <param name="Kind">What kind of event it is.</param>
/// <param name="Word">One or two words for the chart.</param>
/// <param name="Sentence">What happened.</param>
public sealed record TrendMark(long Seq, DateTimeOffset At, string Kind, string Word, string Sentence)
{
    /// <summary>Where the event is.</summary>
    public string Href => string.Create(CultureInfo.InvariantCulture, $"/events?at={Seq}");
}

/// <summary>Marks that stand too close to each other to be told apart: one place on the chart.</summary>
/// <param name="Place">In percent of the chart's width.</param>
/// <param name="Marks">Oldest first; at least one.</param>
public sealed record TrendMarkGroup(decimal Place, IReadOnlyList<TrendMark> Marks)
{
    /// <summary>The newest: what held from then on.</summary>
    public TrendMark Newest => Marks[^1];

    /// <summary>For the chart.</summary>
    public string Word => Marks.Count == 1 ? Newest.Word : $"{Marks.Count} marks";

    /// <summary>For those who do not see the chart, and on hover.</summary>
    public string Label => string.Join("; ", Marks.TakeLast(4).Select(m => string.Create(CultureInfo.InvariantCulture, $"{m.At.UtcDateTime:d MMM HH:mm} UTC: {m.Sentence}")))
        + (Marks.Count > 4 ? $"; and {Marks.Count - 4} before" : "");
}

/// <summary>Deploys and breakers, as they are marked on the trend of costs.</summary>
internal static class TrendMarks
{
    /// <summary>The most that are read: the newest.</summary>
    public const int Most = 100;

    // As wide as a word on a large screen, and as a fingertip on a small one.
    private const decimal Spacing = 100m / 16;

    /// <summary>The events that are marked.</summary>
    public static readonly IReadOnlyList<string> Kinds =
        [RecordDeployment.Deployed, CatalogueEvents.BreakerOpened, CatalogueEvents.BreakerClosed, CatalogueEvents.BreakerReset];

    /// <summary>One mark.</summary>
    public static TrendMark Of(EventRecord record)
    {
        using var data = JsonDocument.Parse(record.Data);
        return new TrendMark(record.Seq, record.At, record.Kind, WordOf(record.Kind, data.RootElement), EventWords.Of(record.Kind, data.RootElement));
    }

    /// <summary>The places on the chart, oldest first. What lies outside its bars has none.</summary>
    public static IReadOnlyList<TrendMarkGroup> Place(CostSpan span, int bars, IEnumerable<TrendMark> marks)
    {
        var from = span.Grain.StartOf(span.From);
        var width = span.Step * bars;
        var groups = new List<TrendMarkGroup>();
        foreach (var mark in marks.Where(m => m.At >= from && m.At < from + width).OrderBy(m => m.At))
        {
            var place = (decimal)((mark.At - from) / width) * 100;
            if (groups.Count > 0 && place - groups[^1].Place < Spacing)
            {
                groups[^1] = groups[^1] with { Marks = [.. groups[^1].Marks, mark] };
            }
            else
            {
                groups.Add(new TrendMarkGroup(Math.Round(place, 2), [mark]));
            }
        }

        return groups;
    }

    private static string WordOf(string kind, JsonElement data) => kind switch
    {
        RecordDeployment.Deployed when data.TryGetProperty("version", out var version) => version.GetString()!,
        CatalogueEvents.BreakerOpened => "opened",
        CatalogueEvents.BreakerReset => "reset",
        _ => "closed",
    };
}
