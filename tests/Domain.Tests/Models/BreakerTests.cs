using ControlCenter.Domain.Models;

namespace ControlCenter.Domain.Tests.Models;

public sealed class BreakerTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Four_failures_in_a_row_let_calls_pass_and_the_fifth_does_not()
    {
        var breaker = new Breaker();
        Fail(breaker, 4);
        (breaker.TryPass(Now), breaker.HealthAt(Now)).ShouldBe((true, ModuleHealth.Degraded));
        Fail(breaker, 1);
        (breaker.TryPass(Now), breaker.HealthAt(Now), breaker.State).ShouldBe((false, ModuleHealth.Down, BreakerState.Open));
    }

    [Fact]
    public void An_answer_between_failures_begins_the_count_anew()
    {
        var breaker = new Breaker();
        Fail(breaker, 4);
        breaker.Succeeded();
        Fail(breaker, 4);
        breaker.TryPass(Now).ShouldBeTrue();
    }

    [Fact]
    public void It_stays_open_for_sixty_seconds_and_says_how_long_that_still_is()
    {
        var breaker = Opened();
        breaker.TryPass(Now.AddSeconds(59.999)).ShouldBeFalse();
        breaker.WaitAt(Now.AddSeconds(20)).ShouldBe(TimeSpan.FromSeconds(40));
        breaker.TryPass(Now.AddSeconds(60)).ShouldBeTrue();
    }

    [Fact]
    public void One_call_tries_and_no_other_passes_until_it_is_known_how_it_ended()
    {
        var breaker = Opened();
        var later = Now.AddSeconds(60);
        breaker.TryPass(later).ShouldBeTrue();
        breaker.TryPass(later).ShouldBeFalse();
        breaker.TryPass(later.AddHours(1)).ShouldBeFalse();
        breaker.WaitAt(later).ShouldBe(TimeSpan.FromSeconds(1));
        breaker.Succeeded();
        (breaker.TryPass(later), breaker.TryPass(later), breaker.HealthAt(later)).ShouldBe((true, true, ModuleHealth.Healthy));
    }

    [Fact]
    public void A_probe_that_fails_keeps_calls_away_for_another_sixty_seconds()
    {
        var breaker = Opened();
        var later = Now.AddSeconds(60);
        breaker.TryPass(later);
        breaker.Failed(later);
        breaker.TryPass(later.AddSeconds(59)).ShouldBeFalse();
        breaker.TryPass(later.AddSeconds(60)).ShouldBeTrue();
    }

    [Fact]
    public void A_probe_whose_caller_leaves_or_that_is_throttled_lets_the_next_one_try()
    {
        var breaker = Opened();
        var later = Now.AddSeconds(60);
        breaker.TryPass(later);
        breaker.Abandoned();
        breaker.TryPass(later).ShouldBeTrue();
        breaker.Throttled(later.AddSeconds(5));
        (breaker.State, breaker.TryPass(later)).ShouldBe((BreakerState.HalfOpen, true));
    }

    [Fact]
    public void Being_throttled_without_end_breaks_nothing_and_is_over_when_it_is_over()
    {
        var breaker = new Breaker();
        for (var i = 0; i < 100; i++)
        {
            breaker.Throttled(Now.AddSeconds(7));
        }

        (breaker.State, breaker.Failures, breaker.TryPass(Now), breaker.HealthAt(Now)).ShouldBe((BreakerState.Closed, 0, true, ModuleHealth.Throttled));
        (breaker.IsThrottledAt(Now.AddSeconds(7)), breaker.HealthAt(Now.AddSeconds(7))).ShouldBe((false, ModuleHealth.Healthy));
    }

    [Fact]
    public void What_was_open_before_a_restart_is_open_after_it_and_tries_when_it_would_have()
    {
        var breaker = Breaker.Restore(5, Now.AddSeconds(30));
        breaker.TryPass(Now.AddSeconds(29)).ShouldBeFalse();
        breaker.TryPass(Now.AddSeconds(30)).ShouldBeTrue();
        breaker.TryPass(Now.AddSeconds(30)).ShouldBeFalse();
    }

    [Fact]
    public void A_reset_makes_it_as_new()
    {
        var breaker = Opened();
        breaker.Throttled(Now.AddHours(1));
        breaker.Reset();
        (breaker.TryPass(Now), breaker.HealthAt(Now), breaker.OpenUntil, breaker.ThrottledUntil).ShouldBe((true, ModuleHealth.Healthy, null, null));
    }

    private static Breaker Opened()
    {
        var breaker = new Breaker();
        Fail(breaker, Breaker.MostFailures);
        return breaker;
    }

    private static void Fail(Breaker breaker, int times)
    {
        for (var i = 0; i < times; i++)
        {
            breaker.TryPass(Now);
            breaker.Failed(Now);
        }
    }
}
