using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;

namespace ControlCenter.Domain.Tests.Models;

public sealed class UsageWindowTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 4, 12, 0, 0, TimeSpan.Zero);
    private static readonly UsageWindow FiveHours = new(5, WindowUnit.Calls, 60);
    private static readonly UsageWindow Week = new(168, WindowUnit.Tokens, 1_000_000);

    [Fact]
    public void What_is_used_evenly_and_stays_below_the_limit_never_fills_the_window()
    {
        var use = WindowUse.Of(FiveHours, Slices(_ => 0.5m), Now);
        (use.Used, use.Share, use.ExhaustedAt, use.RoomAt).ShouldBe((30, 0.5m, null, null));
    }

    [Fact]
    public void A_pace_that_fills_the_window_says_when()
    {
        // Nothing until an hour ago, then two calls in five minutes: 24 are used, 36 are left, and nothing leaves the window before they are.
        var use = WindowUse.Of(FiveHours, Slices(i => i >= 48 ? 2 : 0), Now);
        use.Used.ShouldBe(24);
        use.ExhaustedAt!.Value.ShouldBe(Now.AddMinutes(90), TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void What_grows_old_leaves_the_window_and_makes_room_for_the_pace()
    {
        // As much leaves as comes: what was used in the first hour was used at the pace of the last.
        WindowUse.Of(FiveHours, Slices(_ => 0.9m), Now).ExhaustedAt.ShouldBeNull();
        WindowUse.Of(FiveHours, Slices(i => i < 12 ? 4 : 0), Now).ExhaustedAt.ShouldBeNull("nothing was used lately");
    }

    [Fact]
    public void A_window_that_is_used_up_says_when_there_is_room_again()
    {
        var use = WindowUse.Of(FiveHours, Slices(i => i is 10 or 50 ? 40 : 0), Now);
        (use.IsUsedUp, use.ExhaustedAt).ShouldBe((true, Now));
        use.RoomAt.ShouldBe(Now.AddMinutes(55), "the slice that holds the first forty has gone by then");
        WindowUse.Of(FiveHours, Slices(i => i == 59 ? 1_000 : 0), Now).RoomAt.ShouldBe(Now.AddHours(5));
    }

    [Fact]
    public void Exactly_the_limit_is_used_up() => WindowUse.Of(FiveHours, Slices(i => i == 0 ? 60 : 0), Now).IsUsedUp.ShouldBeTrue();

    [Fact]
    public void A_call_costs_the_share_of_the_fee_that_it_takes_of_the_longest_window()
    {
        var price = Subscribed(FiveHours, Week);
        var cost = Pricing.Of(price, new TokenUsage(6_000, 1_000, 2_000, 1_000), default, isEstimate: false);
        cost.Knowledge.ShouldBe(CostKnowledge.Estimated);
        cost.Cost!.Value.ShouldBe(new Money(200m * 168 / 730.5m * 10_000 / 1_000_000, "USD"));
        Pricing.Of(price, default, default, isEstimate: false).ShouldBe(PricedUsage.Unknown);
        Pricing.WorstCase(price, 9_000, 1_000).Amount.ShouldBe(cost.Cost.Value.Amount);
    }

    [Fact]
    public void A_window_of_calls_makes_each_call_cost_the_same_also_where_nobody_counted_tokens() =>
        Pricing.Of(Subscribed(FiveHours), default, default, isEstimate: false).Cost!.Value.Amount.ShouldBe(200m * 5 / 730.5m / 60);

    [Fact]
    public void All_that_the_longest_window_allows_in_a_month_comes_to_the_fee()
    {
        var subscription = Subscribed(FiveHours, Week).Subscription!;
        (subscription.ShareOf(0, 1_000_000) * 730.5m / 168).ShouldBe(200, 0.000001m);
    }

    [Fact]
    public void What_is_wrong_with_a_subscription_is_named_by_its_place()
    {
        var wrong = Check(AccessPath.Subscription, new Price("m", Now, "USD", 0, 0, PerHour: 1, Subscription: new Subscription(-1, [new(0, WindowUnit.Calls, 0), new(0, WindowUnit.Calls, 1)])));
        wrong.ShouldBe(["prices[0].per_hour", "prices[0].subscription.per_month", "prices[0].subscription.windows", "prices[0].subscription.windows.hours", "prices[0].subscription.windows.limit"]);
        Check(AccessPath.Api, Subscribed(FiveHours)).ShouldBe(["prices[0].subscription"]);
        Check(AccessPath.Subscription, Subscribed(FiveHours)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(29, 1, "ends it on 2026-04-02")]
    [InlineData(0, 1, "ended it on 2026-03-04")]
    [InlineData(31, 1, null)]
    [InlineData(null, 91, "price was last verified 91 days ago.")]
    [InlineData(null, 90, null)]
    public void A_module_that_ends_or_whose_evidence_is_old_is_warned_of(int? endsInDays, int verifiedDaysAgo, string? warning)
    {
        var module = new Module("m", "p", "u", Evidence: [new("price", "https://p.example/prices", Now.AddDays(-verifiedDaysAgo))], EndsAt: endsInDays is { } days ? Now.AddDays(days) : null);
        var warnings = ModuleWarnings.Of(module, Now).ToList();
        (warnings.Count, warnings.FirstOrDefault()?.Contains(warning ?? "", StringComparison.Ordinal)).ShouldBe(warning is null ? (0, null) : (1, true));
    }

    [Fact]
    public void Evidence_is_of_a_field_that_there_is_and_has_a_source()
    {
        var module = new Module("m", "p", "u", Evidence: [new("mood", "x", Now), new("price", "", Now), new("price", "y", Now)]);
        CatalogueRules.Check(module, new HashSet<string> { "p" }).Select(e => e.Field).ShouldBe(["evidence", "evidence", "evidence"]);
    }

    private static List<string> Check(AccessPath path, Price price) =>
        [.. CatalogueRules.Check([new Provider("p", "https://p.example", Dialect.Openai)], [new Module("m", "p", "u", path)], [price], []).Select(e => e.Field)];

    private static Price Subscribed(params UsageWindow[] windows) => new("m", Now, "USD", 0, 0, Subscription: new Subscription(200, windows));

    private static List<decimal> Slices(Func<int, decimal> used) => [.. Enumerable.Range(0, WindowUse.Slices).Select(used)];
}
