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
        over.RetryAfterSeconds.ShouldBe(30);
    }

    [Fact]
    public void After_a_burst_nothing_passes_until_the_minute_is_below_the_normal_rate()
    {
        var limiter = new RequestRateLimiter(RateLimits.Requests);
        for (var i = 0; i < 101; i++)
        {
            limiter.Decide(Second * (i / 10.0)).Allowed.ShouldBeTrue();
        }

        // Crossed at 10 s; at 60 s the first of the 101 leaves, which is the normal rate and not below it.
        limiter.Decide(Second * 40).Allowed.ShouldBeFalse();
        limiter.Decide(Second * 60).Allowed.ShouldBeFalse();
        limiter.Decide(Second * 60.3).Allowed.ShouldBeTrue();
    }

    [Fact]
    public void Retry_after_is_honest_and_no_longer_than_a_minute_when_all_came_in_one_moment()
    {
        var limiter = new RequestRateLimiter(RateLimits.Requests);
        for (var i = 0; i < 200; i++)
        {
            limiter.Decide(Second * 0.1);
        }

        limiter.Decide(Second * 0.1).RetryAfterSeconds.ShouldBe(60);
        limiter.Decide(Second * 60).Allowed.ShouldBeFalse();
        limiter.Decide(Second * 60.1).Allowed.ShouldBeTrue();
    }

    [Fact]
    public void Hovering_just_above_the_normal_rate_causes_no_flood_of_warnings()
    {
        var limiter = new RequestRateLimiter(RateLimits.Requests);
        var decisions = Enumerable.Range(0, 1_000).Select(i => limiter.Decide(TimeSpan.FromMilliseconds(597 * i))).ToList();
        decisions.Count(d => d.Crossed).ShouldBeInRange(1, 10, "ten minutes");
        decisions.Count(d => d.Throttled).ShouldBeLessThanOrEqualTo(10, "ten minutes");
    }

    [Fact]
    public void Crossing_again_and_again_is_told_once_a_minute()
    {
        // Three at a time, each three as another three leave: below the rate before, above it after.
        var limiter = new RequestRateLimiter(RateLimits.Requests);
        var decisions = Enumerable.Range(0, 1_000).Select(i => limiter.Decide(TimeSpan.FromMilliseconds(1_800 * (i / 3)))).ToList();
        decisions.ShouldAllBe(d => d.Allowed);
        decisions.Count(d => d.Crossed).ShouldBeInRange(5, 10, "in less than ten minutes");
    }

    [Fact]
    public void An_agent_that_goes_on_posting_events_past_its_limit_is_told_of_once_a_minute()
    {
        var limiter = new RequestRateLimiter(RateLimits.Events);
        var decisions = Enumerable.Range(0, 3_000).Select(i => limiter.Decide(TimeSpan.FromMilliseconds(100 * i))).ToList();
        decisions.Count(d => d.Throttled).ShouldBe(5, "five minutes");
        decisions.ShouldAllBe(d => !d.Crossed);
    }

    [Fact]
    public void Events_come_all_or_not_at_all_and_what_is_refused_does_not_count()
    {
        var limiter = new RequestRateLimiter(RateLimits.Events);
        limiter.Decide(TimeSpan.Zero, 30).Remaining.ShouldBe(20);
        limiter.Decide(TimeSpan.Zero, 21).ShouldSatisfyAllConditions(d => d.Allowed.ShouldBeFalse(), d => d.Remaining.ShouldBe(20));
        limiter.Decide(TimeSpan.Zero, 20).Allowed.ShouldBeTrue();
        limiter.Decide(Second * 60, 51).Allowed.ShouldBeFalse("more than a minute can ever hold");
        limiter.Decide(Second * 60, 50).Allowed.ShouldBeTrue();
    }

    [Fact]
    public void Limit_and_reset_say_what_a_client_can_plan_by()
    {
        var limiter = new RequestRateLimiter(RateLimits.Requests);
        limiter.Decide(TimeSpan.Zero).ShouldSatisfyAllConditions(d => d.Limit.ShouldBe(200), d => d.Remaining.ShouldBe(199), d => d.ResetSeconds.ShouldBe(60));
        limiter.Decide(Second * 20).ResetSeconds.ShouldBe(60);
        new RequestRateLimiter(RateLimits.Events).Decide(TimeSpan.Zero, 51).ResetSeconds.ShouldBe(0);
    }

    [Fact]
    public void A_cost_below_one_is_a_mistake_of_the_caller() =>
        Should.Throw<ArgumentOutOfRangeException>(() => new RequestRateLimiter(RateLimits.Events).Decide(TimeSpan.Zero, 0));

    [Fact]
    public void A_clock_that_goes_back_or_starts_below_zero_frees_nothing_and_breaks_nothing()
    {
        var limiter = new RequestRateLimiter(RateLimits.Events);
        limiter.Decide(Second * -90.1, 50).Allowed.ShouldBeTrue();
        limiter.Decide(Second * -200).ShouldSatisfyAllConditions(d => d.Allowed.ShouldBeFalse(), d => d.RetryAfterSeconds.ShouldBe(60), d => d.ResetSeconds.ShouldBe(60));
        limiter.Decide(Second * -30.2).Allowed.ShouldBeFalse();
        limiter.Decide(Second * -30.1).Allowed.ShouldBeTrue();
    }

    [Fact]
    public void Weeks_of_silence_cost_no_more_than_a_moment()
    {
        var limiter = new RequestRateLimiter(RateLimits.Requests);
        for (var week = 0; week < 1_000; week++)
        {
            limiter.Decide(TimeSpan.FromDays(7 * week)).Remaining.ShouldBe(199);
        }
    }

    [Fact]
    public void Deciding_allocates_nothing()
    {
        var limiter = new RequestRateLimiter(RateLimits.Requests);
        limiter.Decide(TimeSpan.Zero);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            limiter.Decide(TimeSpan.FromMilliseconds(100 * i));
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    [Fact]
    public void It_decides_as_a_list_of_every_request_would() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<NonNegativeInt>(), seed =>
        {
            var random = new System.Random(seed.Get);
            var pace = random.Next(1, 8);
            var limiter = new RequestRateLimiter(RateLimits.Requests);
            var reference = new ListOfRequests(RateLimits.Requests);
            var now = TimeSpan.Zero;
            for (var i = 0; i < 1_500; i++)
            {
                // On the limiter's own steps, where its resolution loses nothing.
                now += TimeSpan.FromMilliseconds(250 * (random.Next(0, pace) / 2));
                var cost = random.Next(1, 4);
                limiter.Decide(now, cost).Allowed.ShouldBe(reference.Decide(now, cost), $"request {i} at {now}");
            }
        }));

    [Fact]
    public void A_restored_limiter_goes_on_as_the_former_one_would_have() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<NonNegativeInt>(), seed =>
        {
            var random = new System.Random(seed.Get);
            var former = new RequestRateLimiter(RateLimits.Requests);
            var now = TimeSpan.FromHours(1);
            for (var i = 0; i < 150; i++)
            {
                now += TimeSpan.FromMilliseconds(250 * random.Next(0, 3));
                former.Decide(now);
            }

            // The new process's clock begins at zero, long before which the requests lie.
            var down = TimeSpan.FromMilliseconds(250 * random.Next(0, 300));
            var restored = RequestRateLimiter.Restore(RateLimits.Requests, former.Snapshot(now), down, TimeSpan.Zero);
            for (var later = TimeSpan.Zero; later < TimeSpan.FromMinutes(2); later += TimeSpan.FromMilliseconds(250 * random.Next(1, 4)))
            {
                var expected = former.Decide(now + down + later);
                restored.Decide(later).ShouldBe(expected, new ButForWhatIsTold(), $"{later} later");
            }
        }));

    [Fact]
    public void A_snapshot_whose_lines_lost_their_order_is_read_all_the_same()
    {
        AdmittedRequests[] lines = [new(Second * 50, 20), new(Second * 30, 20), new(Second * 10, 10), new(Second * 5, 0), new(Second * 61, 9)];
        foreach (var order in new[] { lines, [.. lines.Reverse()] })
        {
            var restored = RequestRateLimiter.Restore(RateLimits.Events, new RateSnapshot(order, BurstAge: null), TimeSpan.Zero, TimeSpan.Zero);
            restored.Decide(TimeSpan.Zero).ShouldSatisfyAllConditions(d => d.Allowed.ShouldBeFalse(), d => d.RetryAfterSeconds.ShouldBe(10), d => d.ResetSeconds.ShouldBe(50));
            restored.Decide(Second * 10, 20).Allowed.ShouldBeTrue();
            restored.Decide(Second * 29.9).Allowed.ShouldBeFalse();
            restored.Decide(Second * 30, 20).Allowed.ShouldBeTrue();
        }
    }

    [Fact]
    public void A_restart_frees_nobody_even_when_the_clocks_have_gone_back()
    {
        var former = new RequestRateLimiter(RateLimits.Events);
        former.Decide(Second * 5000.2, 50);
        var snapshot = former.Snapshot(Second * 5010.2);
        snapshot.Admitted.ShouldBe([new AdmittedRequests(Second * 10, 50)]);
        snapshot.BurstAge.ShouldBeNull();
        RequestRateLimiter.Restore(RateLimits.Events, snapshot, Second * 20, TimeSpan.Zero).Decide(Second * 29.9).Allowed.ShouldBeFalse();
        RequestRateLimiter.Restore(RateLimits.Events, snapshot, Second * 20, TimeSpan.Zero).Decide(Second * 30).Allowed.ShouldBeTrue();
        RequestRateLimiter.Restore(RateLimits.Events, snapshot, Second * -3600, TimeSpan.Zero).Decide(Second * 49).Allowed.ShouldBeFalse();
        RequestRateLimiter.Restore(RateLimits.Events, snapshot, Second * 50, TimeSpan.Zero).Decide(TimeSpan.Zero, 50).Allowed.ShouldBeTrue();
    }

    [Fact]
    public void Coming_back_when_told_to_is_let_through_and_nobody_is_sent_away_for_more_than_a_minute() =>
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<NonNegativeInt>(), seed =>
        {
            var random = new System.Random(seed.Get);
            var limiter = new RequestRateLimiter(RateLimits.Requests);
            var now = TimeSpan.Zero;
            var refusals = 0;
            for (var i = 0; i < 500; i++)
            {
                now += TimeSpan.FromTicks(random.NextInt64(0, 400 * TimeSpan.TicksPerMillisecond));
                var cost = random.Next(1, 4);
                var decision = limiter.Decide(now, cost);
                if (decision.Allowed)
                {
                    continue;
                }

                refusals++;
                decision.RetryAfterSeconds.ShouldBeInRange(1, 60);
                now += decision.RetryAfterSeconds * Second;
                limiter.Decide(now, cost).Allowed.ShouldBeTrue($"{decision}, at {now}");
            }

            refusals.ShouldBeGreaterThan(0, "or this has tried nothing");
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

    /// <summary>The rule in its plainest form: every admitted request by its moment.</summary>
    private sealed class ListOfRequests(RateLimits limits)
    {
        private readonly List<TimeSpan> _admitted = [];
        private TimeSpan? _crossedAt;

        public bool Decide(TimeSpan now, int cost)
        {
            _admitted.RemoveAll(at => now - at >= TimeSpan.FromMinutes(1));
            if (_admitted.Count < limits.NormalPerMinute)
            {
                _crossedAt = null;
            }

            var after = _admitted.Count + cost;
            if (after > limits.BurstPerMinute || (after > limits.NormalPerMinute && now - _crossedAt >= limits.LongestBurst))
            {
                return false;
            }

            _admitted.AddRange(Enumerable.Repeat(now, cost));
            _crossedAt ??= after > limits.NormalPerMinute ? now : null;
            return true;
        }
    }

    /// <summary>Equal in all but what is worth an event, which a restart may tell once more.</summary>
    private sealed class ButForWhatIsTold : IEqualityComparer<RateDecision>
    {
        public bool Equals(RateDecision x, RateDecision y) => Plain(x) == Plain(y);

        public int GetHashCode(RateDecision decision) => Plain(decision).GetHashCode();

        private static RateDecision Plain(RateDecision decision) => decision with { Crossed = false, Throttled = false };
    }
}
