using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;

namespace ControlCenter.Domain.Tests.Models;

public sealed class RepricingTests
{
    private static readonly Price Price = new("writer", DateTimeOffset.UnixEpoch, "USD", 3, 15, Id: Guid.CreateVersion7());

    private static readonly CostEvent Use = new()
    {
        EventId = Guid.CreateVersion7(),
        At = DateTimeOffset.UnixEpoch.AddDays(1),
        Attribution = new Attribution(Guid.CreateVersion7(), Project: "apollo"),
        ModuleId = "writer",
        Tokens = new TokenUsage(1_000_000, 0),
        EstimatedCost = 2,
        Currency = "USD",
        Knowledge = CostKnowledge.Exact,
    };

    [Fact]
    public void The_entry_is_the_difference_and_arises_when_the_use_did()
    {
        var entry = Entries(Counted(2)).ShouldHaveSingleItem();
        (entry.EstimatedCost, entry.Currency, entry.At, entry.Corrects, entry.PriceId).ShouldBe((1m, "USD", Use.At, Use.EventId, Price.Id));
        (entry.Attribution.Project, entry.IsUse, entry.Knowledge, entry.Tokens.IsKnown).ShouldBe(("apollo", false, CostKnowledge.Exact, false));
    }

    [Fact]
    public void What_is_at_its_price_has_no_entry() => Entries(Counted(3)).ShouldBeEmpty();

    [Fact]
    public void Another_currency_takes_the_old_amount_back_in_its_own() =>
        Entries(new PricedUse(Use, new Dictionary<string, decimal> { ["EUR"] = 2 }, true)).Select(e => (e.Currency, e.EstimatedCost)).ShouldBe([("EUR", -2m), ("USD", 3m)]);

    [Fact]
    public void A_use_that_was_not_known_becomes_known_even_when_it_costs_nothing_and_stays_an_estimate()
    {
        var unknown = new PricedUse(Use with { EstimatedCost = null, Currency = null, Knowledge = CostKnowledge.Unknown }, new Dictionary<string, decimal>(), false);
        var entry = Repricing.Entries(unknown, Price with { Input = 0 }, Guid.CreateVersion7(), Guid.CreateVersion7).ShouldHaveSingleItem();
        (entry.EstimatedCost, entry.Knowledge).ShouldBe((0m, CostKnowledge.Estimated));
    }

    [Fact]
    public void A_use_whose_usage_is_not_known_cannot_be_reckoned() =>
        Entries(new PricedUse(Use with { Tokens = default }, new Dictionary<string, decimal>(), false)).ShouldBeEmpty();

    private static PricedUse Counted(decimal amount) => new(Use, new Dictionary<string, decimal> { ["USD"] = amount }, true);

    private static IReadOnlyList<CostEvent> Entries(PricedUse use) => Repricing.Entries(use, Price, Guid.CreateVersion7(), Guid.CreateVersion7);
}
