using ControlCenter.Domain.Costs;

namespace ControlCenter.Domain.Tests.Costs;

public sealed class RollupTests
{
    private static readonly DateTimeOffset Sunday = new(2026, 3, 1, 23, 59, 59, TimeSpan.Zero);

    [Theory]
    [InlineData(RollupGrain.Hour, "2026-03-01T23:00:00Z", "2026-03-02T00:00:00Z")]
    [InlineData(RollupGrain.Day, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")]
    [InlineData(RollupGrain.Week, "2026-02-23T00:00:00Z", "2026-03-02T00:00:00Z")]
    [InlineData(RollupGrain.Month, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")]
    public void A_period_begins_in_utc_and_a_week_on_monday(RollupGrain grain, string start, string next)
    {
        grain.StartOf(Sunday.ToOffset(TimeSpan.FromHours(5))).ShouldBe(DateTimeOffset.Parse(start, System.Globalization.CultureInfo.InvariantCulture));
        grain.Next(grain.StartOf(Sunday)).ShouldBe(DateTimeOffset.Parse(next, System.Globalization.CultureInfo.InvariantCulture));
    }

    [Fact]
    public void What_is_not_known_stays_unknown_and_what_is_known_is_summed_exactly()
    {
        var tally = new RollupTally();
        tally.Add(Fact(null, null));
        tally.Costs.ShouldBeEmpty();
        tally.UnitsIn.ShouldBeNull();
        tally.Add(Fact(0.1m, null));
        tally.Add(Fact(0.2m, 0.25m));
        tally.Costs.ShouldBe([new CostSum("USD", 0.3m, 0.25m, 0.35m)]);
        (tally.Requests, tally.Unknown).ShouldBe((3, 1));
    }

    [Fact]
    public void Costs_in_two_currencies_are_never_added_to_each_other()
    {
        var tally = new RollupTally();
        tally.Add(Fact(1m, null));
        tally.Add(Fact(2m, null) with { Currency = "EUR" });
        tally.Costs.ShouldBe([new CostSum("USD", 1m, null, 1m), new CostSum("EUR", 2m, null, 2m)]);
    }

    [Fact]
    public void Sums_of_short_periods_make_those_of_long_ones()
    {
        var random = new Random(17);
        var (direct, hours, merged) = (new RollupTallies(), new RollupTallies(), new RollupTallies());
        for (var i = 0; i < 500; i++)
        {
            var fact = Fact(random.Next(1, 1000) / 1000m, i % 3 == 0 ? 0.5m : null) with { At = Sunday.AddMinutes(random.Next(0, 5000)), LatencyMs = random.Next(1, 90_000) };
            direct.Add(fact, RollupGrain.Month);
            hours.Add(fact, RollupGrain.Hour);
        }

        foreach (var (key, tally) in hours.All)
        {
            merged.Add(key, tally, RollupGrain.Month);
        }

        hours.AddLongerGrains();
        hours.All.Where(t => t.Key.Grain == RollupGrain.Month).Select(t => (t.Key, t.Value.Requests, t.Value.Latencies.Percentile(0.95)))
            .ShouldBe(direct.All.Select(t => (t.Key, t.Value.Requests, t.Value.Latencies.Percentile(0.95))), ignoreOrder: true);
        merged.All.Count.ShouldBe(direct.All.Count);
        foreach (var (key, tally) in direct.All)
        {
            merged.All[key].Costs.ShouldBe(tally.Costs);
            merged.All[key].Latencies.ToArray().ShouldBe(tally.Latencies.ToArray());
        }
    }

    [Fact]
    public void A_percentile_is_exact_for_short_times_and_within_three_percent_for_long_ones()
    {
        var random = new Random(4);
        foreach (var most in new[] { 60, 5_000, 900_000 })
        {
            var histogram = new LatencyHistogram();
            var values = Enumerable.Range(0, 1000).Select(_ => random.Next(1, most)).Order().ToList();
            values.ForEach(histogram.Add);
            var (exact, found) = (values[949], LatencyHistogram.Of(histogram.ToArray(), histogram.Longest).Percentile(0.95)!.Value);
            found.ShouldBeInRange(exact, most <= 60 ? exact : (int)(exact * 1.03125));
        }
    }

    [Fact]
    public void One_time_alone_is_its_own_percentile_and_none_has_none()
    {
        var histogram = new LatencyHistogram();
        histogram.Percentile(0.95).ShouldBeNull();
        histogram.Add(123_457);
        histogram.Percentile(0.95).ShouldBe(123_457);
        histogram.Add(int.MaxValue);
        histogram.Percentile(0.95).ShouldBe(int.MaxValue);
    }

    private static CostFact Fact(decimal? estimated, decimal? billed) => new(
        Sunday, ["a", "t", "k", "p", "m", "v", "api", "g", "n", "LOC", ""], 1, 0, 0, estimated is null ? 1 : 0,
        estimated is null ? null : 10m, null, estimated is null ? null : "USD", estimated, billed, null);
}
