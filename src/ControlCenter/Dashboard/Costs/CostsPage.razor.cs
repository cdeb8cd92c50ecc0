using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.EventLog;
using Microsoft.AspNetCore.Components;

namespace ControlCenter.Dashboard.Costs;

/// <summary>What is spent, on what, how fast, and how much of that is not known.</summary>
public sealed partial class CostsPage
{
    private const int MostRows = 50;
    private const int MostSeries = 5;
    private const int MostBurning = 20;

    // A fleet records costs many times a second; eyes follow one picture a second.
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);

    /// <summary>Each has between 24 and 90 bars: what a screen can show, whatever the number of events.</summary>
    private static readonly CostRange[] Ranges =
    [
        new("24h", TimeSpan.FromHours(24), RollupGrain.Hour, TimeSpan.FromHours(1)),
        new("7d", TimeSpan.FromDays(7), RollupGrain.Hour, TimeSpan.FromHours(4)),
        new("30d", TimeSpan.FromDays(30), RollupGrain.Day, TimeSpan.FromDays(1)),
        new("90d", TimeSpan.FromDays(90), RollupGrain.Day, TimeSpan.FromDays(1)),
        new("1y", TimeSpan.FromDays(364), RollupGrain.Week, TimeSpan.FromDays(7)),
    ];

    private Shown? _shown;
    private Task _next = Task.CompletedTask;
    private bool _again;

    [SupplyParameterFromQuery]
    private string? Range { get; set; }

    [SupplyParameterFromQuery]
    private string? By { get; set; }

    [SupplyParameterFromQuery]
    private string? Currency { get; set; }

    private CostRange Chosen => Array.Find(Ranges, r => r.Word == Range) ?? Ranges[1];

    private RollupDimension Dimension => WireNames<RollupDimension>.TryParse(By, out var dimension) ? dimension : RollupDimension.Module;

    /// <inheritdoc />
    protected override TimeSpan? LookEvery => TimeSpan.FromSeconds(30);

    /// <inheritdoc />
    protected override bool Concerns(FeedEvent happened) =>
        happened.Record.Kind.StartsWith("cost.", StringComparison.Ordinal) || TrendMarks.Kinds.Contains(happened.Record.Kind);

    /// <inheritdoc />
    /// <remarks>Not waited for: the rest of the window hears of what happens meanwhile.</remarks>
    protected override Task HearAsync(IReadOnlyList<FeedEvent> events)
    {
        ShowSoon();
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    protected override async Task ReadAsync()
    {
        if (!await Readings.CatchUpAsync(Closed) && Feed.Visible)
        {
            ShowSoon();
        }

        var to = Time.GetUtcNow();
        var span = new CostSpan(to - Chosen.Length, to, Chosen.Grain, Chosen.Step, Money.IsCurrency(Currency) ? Currency! : await Readings.MainCurrencyAsync(Closed));
        var rows = await Readings.BreakdownAsync(span, Dimension, MostRows, Closed);
        var series = rows.Where(r => r.Cost > 0).Take(MostSeries).ToList();
        var ofKeys = await Readings.TrendAsync(span, Dimension, series.ConvertAll(r => r.Key), Closed);
        var ofAll = await Readings.TrendAsync(span, Dimension, null, Closed);
        var chart = TrendChart.Of(span, series.ConvertAll(r => r.Key), ofKeys, ofAll);
        var marks = await Log.ReadOfKindsAsync(TrendMarks.Kinds, span.Grain.StartOf(span.From), to, TrendMarks.Most, Closed);
        _shown = new Shown(
            span, await Readings.TotalsAsync(span, Closed), rows, chart, TrendMarks.Place(span, chart.Bars.Count, marks.Select(TrendMarks.Of)), series.ConvertAll(r => r.Name),
            await Readings.BurnRatesAsync(span.Currency, MostBurning, Closed));
    }

    private void ShowSoon()
    {
        _again = true;
        if (_next.IsCompleted)
        {
            _next = ShowSoonAsync();
        }
    }

    // What happens while it reads may come too late for that reading: it reads once more.
    private async Task ShowSoonAsync()
    {
        try
        {
            while (_again)
            {
                await Task.Delay(Pace, Time, Closed);
                _again = false;
                await RefreshAsync();
                StateHasChanged();
            }
        }
        catch (OperationCanceledException) when (Closed.IsCancellationRequested)
        {
            // The page was left.
        }
#pragma warning disable CA1031 // The database may be away for a moment: the next event or look tries again, and the layout says how old the page is.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            Feed.TellFault(fault);
        }
    }

    private string AddressWith(string name, string? value) => Navigation.GetUriWithQueryParameter(name, value);

    private string EventsLink(RollupDimension? by, string? key)
    {
        var span = _shown!.Span;
        var from = span.Grain.StartOf(span.From).UtcDateTime;
        return $"/costs/events?from={from:O}{(by is { } dimension ? $"&by={dimension.Wire()}&key={Uri.EscapeDataString(key!)}" : "")}";
    }

    private sealed record CostRange(string Word, TimeSpan Length, RollupGrain Grain, TimeSpan Step);

    private sealed record Shown(CostSpan Span, CostTotals Totals, IReadOnlyList<CostShare> Rows, TrendChart Chart, IReadOnlyList<TrendMarkGroup> Marks, IReadOnlyList<string> Names, IReadOnlyList<BurnRate> Burn);
}
