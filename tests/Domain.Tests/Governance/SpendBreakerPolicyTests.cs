using ControlCenter.Domain.Governance;

namespace ControlCenter.Domain.Tests.Governance;

public sealed class SpendBreakerPolicyTests
{
    private static readonly SpendBreakerPolicy Spending = new("p", BudgetScope.Agent, "", BreakerSignal.SpendRate, Allowed: 2, Times: 3, "USD", 300, 3600, 10, 300, 3, 1);

    private static readonly SpendBreakerPolicy Errors = Spending with { Signal = BreakerSignal.ErrorRate, Allowed = 0.2m, Times = 2 };

    [Theory]
    [InlineData(0.6, 7, true)]
    [InlineData(0.4, 7, false)]
    [InlineData(5, 5, false)]
    [InlineData(0.5, 6, false)]
    public void Spending_opens_it_only_where_both_windows_are_beyond_so_many_times_the_allowed_rate(double inShort, double inLong, bool opens) =>
        Spending.IsOver(Spent(inShort), Spent(inLong)).ShouldBe(opens);

    [Theory]
    [InlineData(10, 5, 40, 20, true)]
    [InlineData(10, 4, 40, 20, false)]
    [InlineData(10, 5, 40, 16, false)]
    [InlineData(9, 9, 40, 20, false)]
    public void Failures_open_it_by_their_share_of_enough_calls(long calls, long failed, long longCalls, long longFailed, bool opens) =>
        Errors.IsOver(new BreakerCounts(0, calls, failed, 0), new BreakerCounts(0, longCalls, longFailed, 0)).ShouldBe(opens);

    [Fact]
    public void Retries_open_it_by_the_call()
    {
        var policy = Spending with { Signal = BreakerSignal.RetryRate, Allowed = 0.5m, Times = 1 };
        policy.IsOver(new BreakerCounts(0, 10, 0, 6), new BreakerCounts(0, 10, 0, 6)).ShouldBeTrue();
        policy.IsOver(new BreakerCounts(0, 10, 0, 5), new BreakerCounts(0, 10, 0, 6)).ShouldBeFalse();
    }

    [Theory]
    [InlineData(false, false, null)]
    [InlineData(false, true, null)]
    [InlineData(true, false, true)]
    [InlineData(true, true, false)]
    public void Spending_has_passed_probation_if_it_was_enough_for_it_until_its_end(bool lasted, bool wasTooLittle, bool? passed) =>
        Spending.HasPassed(Spent(0.5), lasted, wasTooLittle).ShouldBe(passed);

    [Theory]
    [InlineData(2, 0, null)]
    [InlineData(3, 1, true)]
    [InlineData(3, 2, false)]
    public void Failures_on_probation_are_judged_by_its_calls(long calls, long failed, bool? passed) =>
        Errors.HasPassed(new BreakerCounts(0, calls, failed, 0), hasLasted: false, wasTooLittle: true).ShouldBe(passed);

    [Fact]
    public void What_makes_no_sense_is_named_by_its_field()
    {
        Spending.Problems().ShouldAllBe(p => p.Problem == null);
        var wrong = Errors with { Allowed = 1.5m, Times = 0, Currency = "usd", ShortSeconds = 30, LongSeconds = 20, FewestCalls = 0, OpenSeconds = 0, ProbeCalls = 0, ProbeAmount = -1 };
        wrong.Problems().ShouldAllBe(p => p.Problem != null);
        SpendBreakerPolicy.NameProblem("Runaway agents").ShouldNotBeNull();
        SpendBreakerPolicy.NameProblem("runaway-agents.2").ShouldBeNull();
    }

    private static BreakerCounts Spent(double amount) => new((decimal)amount, 1, 0, 0);
}
