using ControlCenter.Domain.Governance;

namespace ControlCenter.Domain.Tests.Governance;

public sealed class BudgetForecastTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Midnight = Now.AddHours(12);

    [Fact]
    public void Even_spending_goes_on_evenly_and_leaves_no_doubt()
    {
        var forecast = Of([1, 1, 1, 1, 1, 1, 1, 1], taken: 12, limit: 20).ShouldNotBeNull();
        forecast.PerHour.ShouldBe(1);
        (forecast.Expected, forecast.Low, forecast.High).ShouldBe((24, 24, 24));
        forecast.ExhaustedAt!.Value.ShouldBe(Now.AddHours(8), TimeSpan.FromSeconds(1));
        forecast.EarliestExhaustedAt.ShouldBe(forecast.ExhaustedAt);
    }

    [Fact]
    public void Uneven_spending_has_a_band_around_what_is_expected()
    {
        var forecast = Of([0, 2, 0, 2, 1, 1, 0, 2], taken: 12, limit: 22).ShouldNotBeNull();
        forecast.Expected.ShouldBe(24);
        forecast.Low!.Value.ShouldBeInRange(12, 23);
        forecast.High!.Value.ShouldBeGreaterThan(25);
        forecast.EarliestExhaustedAt!.Value.ShouldBeLessThan(forecast.ExhaustedAt!.Value);
        forecast.LatestExhaustedAt.ShouldBeNull("it may well not be reached today");
    }

    [Fact]
    public void The_more_was_seen_the_narrower_the_band()
    {
        var few = Of([0, 2, 0, 2], taken: 1, limit: 100)!;
        var many = Of([.. Enumerable.Repeat(new decimal[] { 0, 2 }, 40).SelectMany(p => p)], taken: 1, limit: 100)!;
        (many.High - many.Low).ShouldNotBeNull().ShouldBeLessThan((few.High - few.Low)!.Value);
    }

    [Fact]
    public void Too_little_seen_says_nothing() => Of([1, 1, 1], taken: 3, limit: 10).ShouldBeNull();

    [Fact]
    public void Nothing_spent_reaches_no_limit() => Of([0, 0, 0, 0], taken: 0, limit: 10)!.ExhaustedAt.ShouldBeNull();

    [Fact]
    public void What_is_used_up_is_used_up_now() => Of([1, 1, 1, 1], taken: 10, limit: 10)!.ExhaustedAt.ShouldBe(Now);

    [Fact]
    public void A_budget_for_good_has_no_end_and_a_day_on_which_it_is_used_up()
    {
        var forecast = BudgetForecast.Of(Buckets([1, 1, 1, 1]), TimeSpan.FromDays(1), Now, null, 4, 34)!;
        forecast.Expected.ShouldBeNull();
        forecast.ExhaustedAt!.Value.ShouldBe(Now.AddDays(30), TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void Credits_do_not_let_the_spending_ahead_be_below_zero()
    {
        var forecast = Of([-1, -1, -1, -1], taken: 5, limit: 10)!;
        (forecast.PerHour, forecast.Expected).ShouldBe((-1, 5));
    }

    [Fact]
    public void At_the_start_of_a_period_the_last_one_says_where_the_new_one_is_heading()
    {
        var forecast = BudgetForecast.Of(Buckets([1, 3, 1, 3, 1, 3]), TimeSpan.FromHours(1), Now, Now.AddHours(24), taken: 0, limit: 24)!;
        forecast.Expected.ShouldBe(48);
        forecast.Low!.Value.ShouldBeInRange(0, 47);
        forecast.ExhaustedAt!.Value.ShouldBe(Now.AddHours(12), TimeSpan.FromSeconds(1));
        forecast.EarliestExhaustedAt!.Value.ShouldBeInRange(Now, Now.AddHours(12));
        forecast.LatestExhaustedAt!.Value.ShouldBeInRange(Now.AddHours(12), Now.AddHours(24));
    }

    [Fact]
    public void At_the_end_of_a_period_what_is_spent_is_what_it_comes_to()
    {
        var forecast = BudgetForecast.Of(Buckets([1, 3, 1, 3]), TimeSpan.FromHours(1), Now, Now, taken: 8, limit: 20)!;
        (forecast.Expected, forecast.Low, forecast.High).ShouldBe((8, 8, 8));
        (forecast.ExhaustedAt, forecast.EarliestExhaustedAt).ShouldBe((null, null));
    }

    [Fact]
    public void Without_spending_nothing_more_is_expected_and_no_end_is_told()
    {
        var forecast = Of([0, 0, 0, 0, 0, 0], taken: 3, limit: 10)!;
        (forecast.PerHour, forecast.Expected, forecast.Low, forecast.High).ShouldBe((0, 3, 3, 3));
        (forecast.ExhaustedAt, forecast.EarliestExhaustedAt, forecast.LatestExhaustedAt).ShouldBe((null, null, null));
    }

    [Fact]
    public void A_burst_that_is_over_counts_as_one_stretch_and_widens_the_band()
    {
        var forecast = Of([0, 0, 0, 0, 0, 0, 0, 8], taken: 8, limit: 30)!;
        forecast.PerHour.ShouldBe(1);
        forecast.Expected.ShouldBe(20);
        forecast.Low.ShouldBe(8, "it may well have been the only one");
        forecast.High!.Value.ShouldBeGreaterThan(30);
        forecast.ExhaustedAt.ShouldBeNull();
        forecast.EarliestExhaustedAt!.Value.ShouldBeLessThan(Midnight);
    }

    [Fact]
    public void A_burst_under_way_is_seen_before_its_stretch_has_ended()
    {
        var quiet = BudgetForecast.Of(Buckets([0, 0, 0, 0, 0, 0, 0]), TimeSpan.FromHours(1), Now, Midnight, taken: 8, limit: 10, underWay: 8)!;
        quiet.PerHour.ShouldBe(1);
        quiet.ExhaustedAt!.Value.ShouldBe(Now.AddHours(2), TimeSpan.FromSeconds(1));
        quiet.EarliestExhaustedAt!.Value.ShouldBeLessThan(quiet.ExhaustedAt.Value);
    }

    [Fact]
    public void A_stretch_that_has_only_begun_does_not_make_the_rate_look_lower() =>
        BudgetForecast.Of(Buckets([2, 2, 2, 2]), TimeSpan.FromHours(1), Now, Midnight, taken: 8.1m, limit: 100, underWay: 0.1m)!.PerHour.ShouldBe(2);

    [Fact]
    public void However_it_was_spent_low_is_below_expected_is_below_high()
    {
        var random = new Random(7);
        for (var i = 0; i < 500; i++)
        {
            var taken = (decimal)random.NextDouble() * 50;
            var forecast = Of([.. Enumerable.Range(0, random.Next(4, 60)).Select(_ => (decimal)random.NextDouble() * random.Next(0, 5))], taken, limit: 60)!;
            forecast.Low!.Value.ShouldBeInRange(taken, forecast.Expected!.Value + 0.000001m);
            forecast.High!.Value.ShouldBeGreaterThanOrEqualTo(forecast.Expected.Value - 0.000001m);
            if (forecast.ExhaustedAt is { } at)
            {
                forecast.EarliestExhaustedAt!.Value.ShouldBeLessThanOrEqualTo(at);
            }
        }
    }

    private static BudgetForecast? Of(decimal[] spent, decimal taken, decimal limit) => BudgetForecast.Of(Buckets(spent), TimeSpan.FromHours(1), Now, Midnight, taken, limit);

    private static SpendBucket[] Buckets(decimal[] spent) => [.. spent.Select((s, i) => new SpendBucket(Now.AddHours(i - spent.Length), s))];
}
