using ControlCenter.Domain.Costs;

namespace ControlCenter.Domain.Tests.Costs;

public sealed class EffectivePricesTests
{
    private static readonly MeteredPath Api = new("writer", "acme", AccessPath.Api, "USD", 6m, 10, 2_000_000m, true);
    private static readonly MeteredPath Seat = new("writer", "acme-seat", AccessPath.Subscription, null, null, 40, 8_000_000m, true);

    [Fact]
    public void The_price_is_what_was_paid_for_a_million_tokens() =>
        EffectivePrices.Of([Api], []).ShouldHaveSingleItem().ShouldBe(
            new EffectivePrice("writer", "acme", AccessPath.Api, PriceMeasure.MillionTokens, 3m, "USD", 6m, 0, 10, 2_000_000m, 0));

    [Fact]
    public void What_nobody_knows_the_cost_of_has_no_price_and_comes_last()
    {
        var prices = EffectivePrices.Of([Seat, Api], []);
        prices.Select(p => p.AccessPath).ShouldBe([AccessPath.Api, AccessPath.Subscription]);
        (prices[1].Price, prices[1].Currency, prices[1].Cost, prices[1].UnknownUses).ShouldBe((null, null, null, 40));
    }

    [Fact]
    public void A_subscriptions_bill_makes_its_price_comparable_with_the_calls()
    {
        var prices = EffectivePrices.Of([Seat, Api], [new InvoicedDifference("acme-seat", null, "USD", 20m)]);
        var seat = prices[0];
        (seat.AccessPath, seat.Price, seat.Invoiced, seat.UnknownUses).ShouldBe((AccessPath.Subscription, 2.5m, 20m, 0));
    }

    [Fact]
    public void Uses_of_unknown_cost_are_left_out_of_the_price_and_said()
    {
        var price = EffectivePrices.Of([Api, Api with { Currency = null, Cost = null, Uses = 5, Units = 1_000_000m }], []).ShouldHaveSingleItem();
        (price.Price, price.Uses, price.UnknownUses).ShouldBe((3m, 15, 5));
    }

    [Fact]
    public void A_bill_for_several_paths_is_laid_to_them_by_what_they_cost()
    {
        var prices = EffectivePrices.Of([Api, Api with { AccessPath = AccessPath.Hybrid, Cost = 2m }], [new InvoicedDifference("acme", "writer", "USD", 4m)]);
        prices.ToDictionary(p => p.AccessPath!.Value, p => p.Invoiced).ShouldBe(new Dictionary<AccessPath, decimal> { [AccessPath.Api] = 3m, [AccessPath.Hybrid] = 1m }, ignoreOrder: true);
    }

    [Fact]
    public void A_bill_for_what_was_never_metered_is_money_without_a_price()
    {
        var price = EffectivePrices.Of([], [new InvoicedDifference("ghost", null, "USD", 9m)]).ShouldHaveSingleItem();
        (price.Price, price.Cost, price.Uses).ShouldBe((null, 9m, 0));
    }

    [Fact]
    public void Units_of_its_own_and_bare_uses_have_prices_of_their_own()
    {
        var prices = EffectivePrices.Of([Api with { Module = "search", InTokens = false, Units = 12m }, Api with { Module = "image", InTokens = false, Units = null }], []);
        prices.Select(p => (p.Module, p.Measure, p.Price)).ShouldBe([("search", PriceMeasure.Unit, 0.5m), ("image", PriceMeasure.Use, 0.6m)]);
    }

    [Fact]
    public void Currencies_are_never_added()
    {
        var prices = EffectivePrices.Of([Api, Api with { Currency = "EUR", Cost = 4m }, Api with { Currency = null, Cost = null, Uses = 1, Units = 1m }], []);
        prices.Select(p => (p.Currency, p.Price)).ShouldBe([("EUR", 2m), ("USD", 3m), (null, null)]);
    }
}
