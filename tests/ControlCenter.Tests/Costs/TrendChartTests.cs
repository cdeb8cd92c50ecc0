using ControlCenter.Dashboard.Costs;
using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Costs;

namespace ControlCenter.Tests.Costs;

public sealed class TrendChartTests
{
    private static readonly DateTimeOffset Start = new(2026, 5, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly CostSpan Span = new(Start, Start.AddDays(3), RollupGrain.Day, TimeSpan.FromDays(1), "USD");

    [Fact]
    public void A_day_without_costs_has_its_place_and_what_is_of_no_series_is_the_rest()
    {
        var chart = TrendChart.Of(Span, ["a"], [new CostPoint(Start, "a", 3, 0)], [new CostPoint(Start, "", 4, 0), new CostPoint(Start.AddDays(2), "", 1, 2)]);
        chart.Top.ShouldBe(5);
        chart.Bars.Select(b => (b.Total, b.Unknown)).ShouldBe([(4, 0), (0, 0), (1, 2)]);
        chart.Bars[0].Parts.ShouldBe([new TrendPart(0, 40, 60, 3), new TrendPart(1, 20, 20, 1)]);
        chart.Bars[2].Parts.ShouldBe([new TrendPart(1, 80, 20, 1)]);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.0003, 0.0005)]
    [InlineData(1, 1)]
    [InlineData(1.01, 2)]
    [InlineData(4.2, 5)]
    [InlineData(51, 100)]
    public void The_upper_edge_can_be_read(double amount, double edge) => TrendChart.RoundUp((decimal)amount).ShouldBe((decimal)edge);

    [Theory]
    [InlineData(null, "Unknown")]
    [InlineData("0", "0 USD")]
    [InlineData("0.000000000001", "0.000000000001 USD")]
    [InlineData("0.0123", "0.0123 USD")]
    [InlineData("1234.5", "1,235 USD")]
    public void An_amount_has_the_decimals_that_it_needs_and_unknown_is_not_zero(string? amount, string words) =>
        CostWords.Of(amount is null ? null : decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture), "USD").ShouldBe(words);
}
