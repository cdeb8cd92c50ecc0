using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;

namespace ControlCenter.Domain.Tests.Models;

public sealed class PricingTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly Price Full = new("m", Start, "EUR", Input: 3, Output: 15, CacheRead: 0.3m, CacheWrite: 3.75m, Reasoning: 60);

    [Theory]
    [InlineData(1_000_000, 0, 0, 0, 0, "3")]
    [InlineData(0, 1_000_000, 0, 0, 0, "15")]
    [InlineData(0, 0, 1_000_000, 0, 0, "0.3")]
    [InlineData(0, 0, 0, 1_000_000, 0, "3.75")]
    [InlineData(0, 1_000_000, 0, 0, 1_000_000, "60")]
    [InlineData(0, 1_000_000, 0, 0, 400_000, "33")]
    [InlineData(1_000, 2_000, 3_000, 4_000, 500, "0.0714")]
    public void Each_kind_of_token_has_its_own_price(long input, long output, long read, long write, long reasoning, string cost)
    {
        var priced = Pricing.Of(Full, new TokenUsage(input, output, read, write, reasoning), TimeSpan.FromHours(1), isEstimate: false);
        priced.ShouldBe(new PricedUsage(new Money(decimal.Parse(cost, System.Globalization.CultureInfo.InvariantCulture), "EUR"), CostKnowledge.Exact));
    }

    [Fact]
    public void A_single_token_at_the_smallest_price_is_not_rounded_away()
    {
        var price = new Price("m", Start, "USD", 0.000001m, 0);
        Pricing.Of(price, new TokenUsage(1, 0), default, isEstimate: false).Cost!.Value.Amount.ShouldBe(0.000000000001m);
    }

    [Fact]
    public void Reasoning_without_a_price_of_its_own_costs_what_output_does() =>
        Pricing.Of(Full with { Reasoning = null }, new TokenUsage(0, 1_000_000, Reasoning: 900_000), default, isEstimate: false).Cost!.Value.Amount.ShouldBe(15);

    [Fact]
    public void More_reasoning_than_output_counts_as_all_of_the_output_and_no_more() =>
        Pricing.Of(Full, new TokenUsage(0, 10, Reasoning: 1_000_000), default, isEstimate: false).Cost!.Value.Amount.ShouldBe(0.0006m);

    [Theory]
    [InlineData(10L, null)]
    [InlineData(null, 10L)]
    public void A_cache_without_a_price_is_reckoned_as_input_and_said_to_be_an_estimate(long? read, long? write)
    {
        var price = Full with { CacheRead = null, CacheWrite = null };
        Pricing.Of(price, new TokenUsage(90, 0, read, write), default, isEstimate: false)
            .ShouldBe(new PricedUsage(new Money(0.0003m, "EUR"), CostKnowledge.Estimated));
        Pricing.Of(price, new TokenUsage(90, 0, 0, 0), default, isEstimate: false).Knowledge.ShouldBe(CostKnowledge.Exact);
    }

    [Theory]
    [InlineData(null, 5L)]
    [InlineData(5L, null)]
    [InlineData(null, null)]
    public void A_usage_that_is_not_wholly_told_has_no_cost_that_is_known(long? input, long? output) =>
        Pricing.Of(Full, new TokenUsage(input, output), default, isEstimate: false).ShouldBe(PricedUsage.Unknown);

    [Fact]
    public void Without_a_price_nothing_is_known() => Pricing.Of(null, new TokenUsage(1, 1), default, isEstimate: false).ShouldBe(PricedUsage.Unknown);

    [Fact]
    public void An_estimated_usage_makes_an_estimated_cost() =>
        Pricing.Of(Full, new TokenUsage(1, 1), default, isEstimate: true).Knowledge.ShouldBe(CostKnowledge.Estimated);

    [Theory]
    [InlineData(5L)]
    [InlineData(null)]
    public void A_machine_of_ones_own_costs_by_the_hour_whether_or_not_it_counts_tokens(long? tokens)
    {
        var price = new Price("m", Start, "USD", 0, 0, PerHour: 1.2m);
        Pricing.Of(price, new TokenUsage(tokens, tokens), TimeSpan.FromSeconds(30), isEstimate: false)
            .ShouldBe(new PricedUsage(new Money(0.01m, "USD"), CostKnowledge.Estimated));
    }

    [Fact]
    public void The_worst_case_takes_all_input_at_its_dearest_and_all_output_at_its_dearest()
    {
        Pricing.WorstCase(Full, 1_000_000, 1_000_000).ShouldBe(new Money(63.75m, "EUR"));
        Pricing.WorstCase(Full with { CacheWrite = null, Reasoning = null }, 1_000_000, 1_000_000).ShouldBe(new Money(18, "EUR"));
    }

    [Fact]
    public void The_worst_case_is_never_less_than_what_a_call_comes_to()
    {
        var random = new Random(1);
        for (var i = 0; i < 2_000; i++)
        {
            var price = new Price("m", Start, "USD", random.Next(100), random.Next(100), Maybe(), Maybe(), Maybe());
            var usage = new TokenUsage(random.Next(1_000), random.Next(1_000), random.Next(1_000), random.Next(1_000), random.Next(2_000));
            var worst = Pricing.WorstCase(price, usage.Input!.Value + usage.CacheRead!.Value + usage.CacheWrite!.Value, usage.Output!.Value);
            Pricing.Of(price, usage, default, isEstimate: false).Cost!.Value.Amount.ShouldBeLessThanOrEqualTo(worst.Amount, $"{price} {usage}");
        }

        decimal? Maybe() => random.Next(2) == 0 ? null : random.Next(100);
    }

    [Fact]
    public void The_price_of_a_moment_is_the_newest_that_had_begun_by_then()
    {
        var catalogue = new Catalogue([], [], [Full, Full with { EffectiveFrom = Start.AddDays(10), Input = 4 }], []);
        catalogue.PriceAt("m", Start.AddTicks(-1)).ShouldBeNull();
        catalogue.PriceAt("m", Start)!.Input.ShouldBe(3);
        catalogue.PriceAt("m", Start.AddDays(10).AddTicks(-1))!.Input.ShouldBe(3);
        catalogue.PriceAt("m", Start.AddDays(10))!.Input.ShouldBe(4);
        catalogue.PriceAt("other", Start).ShouldBeNull();
    }
}
