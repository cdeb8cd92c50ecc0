using ControlCenter.Domain.Limits;
using FsCheck;
using FsCheck.Fluent;

namespace ControlCenter.Domain.Tests.Limits;

/// <summary>bus-api.md, Limits, as a specification that runs on a virtual clock.</summary>
public sealed class RequestRateLimiterTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_hundred_a_minute_is_never_disturbed()
    {
        var limiter = new RequestRateLimiter(RateLimits.Requests);
        for (var i = 0; i < 1_000; i++)
        {
            var decision = limiter.Decide(TimeSpan.FromMilliseconds(610 * i));
            decision.Allowed.ShouldBeTrue();
            decision.Crossed.ShouldBeFalse();
        }
    }

    [Fact]
    public void Crossing_the_normal_rate_is_told_once_and_lets_up_to_two_hundred_through()
    {
        var limiter = new RequestRateLimiter(RateLimits.Requests);
        var decisions = Enumerable.Range(0, 201).Select(_ => limiter.Decide(TimeSpan.Zero)).ToList();
        decisions.Count(d => d.Crossed).ShouldBe(1);
        decisions[100].Crossed.ShouldBeTrue();
        decisions.Take(200).ShouldAllBe(d => d.Allowed);
        decisions[200].Allowed.ShouldBeFalse();
        decisions[200].Throttled.ShouldBeTrue();
    }

    [Fact]
    public void A_burst_lasts_thirty_seconds_and_no_longer()
    {
        var limiter = new RequestRateLimiter(RateLimits.Requests);
        for (var i = 0; i < 101; i++)
        {
            limiter.Decide(TimeSpan.Zero).Allowed.ShouldBeTrue();
        }

        limiter.Decide(TimeSpan.FromSeconds(29.9)).Allowed.ShouldBeTrue();
        var over = limiter.Decide(TimeSpan.FromSeconds(30));
        over.Allowed.ShouldBeFalse();
        over.RetryAfterSeconds.ShouldBeInRange(30, 31);
    }

    [Fact]
    public void Coming_back_when_told_to_is_let_through() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<PositiveInt[]>(), gaps =>
        {
            var limiter = new RequestRateLimiter(RateLimits.Requests);
            var now = TimeSpan.Zero;
            foreach (var gap in gaps)
            {
                now += TimeSpan.FromMilliseconds(gap.Get % 400);
                var decision = limiter.Decide(now, cost: 1 + (gap.Get % 3));
                if (!decision.Allowed)
                {
                    now += decision.RetryAfterSeconds * Second;
                    limiter.Decide(now).Allowed.ShouldBeTrue();
                }
            }
        }));

    [Fact]
    public void No_minute_holds_more_than_two_hundred_wherever_it_begins() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<NonNegativeInt>(), seed =>
        {
            var random = new System.Random(seed.Get);
            var limiter = new RequestRateLimiter(RateLimits.Requests);
            var admitted = new List<TimeSpan>();
            var now = TimeSpan.Zero;
            for (var i = 0; i < 3_000; i++)
            {
                now += TimeSpan.FromMilliseconds(random.Next(0, 250));
                if (limiter.Decide(now).Allowed)
                {
                    admitted.Add(now);
                }
            }

            for (var (from, to) = (0, 0); to < admitted.Count; to++)
            {
                while (admitted[to] - admitted[from] >= TimeSpan.FromMinutes(1))
                {
                    from++;
                }

                (to - from + 1).ShouldBeLessThanOrEqualTo(200);
            }
        }));
}
