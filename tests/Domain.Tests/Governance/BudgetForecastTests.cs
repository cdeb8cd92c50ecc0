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
