using Bunit;
using ControlCenter.Dashboard.Costs;
using ControlCenter.Dashboard.Layout;
using ControlCenter.Dashboard.Work;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Costs;

namespace ControlCenter.Tests.Dashboard;

public sealed class CostComponentTests : BunitContext
{
    [Fact]
    public void A_task_of_which_everything_is_known_says_so()
    {
        var card = Card(new CostEvidence(1, 0, 2, 0, 0, 0, 0, 0));
        card.Find(".badge.good").TextContent.ShouldBe("Cost-observable");
        card.FindAll(".answers li").Count.ShouldBe(5);
        card.FindAll(".warn-text").ShouldBeEmpty();
    }

    [Fact]
    public void What_is_not_known_of_a_task_is_listed_under_its_question()
    {
        var card = Card(new CostEvidence(1, 0, 3, 0, 0, 0, 2, 0));
        card.Find(".badge.warn").TextContent.ShouldBe("4 of 5 known");
        card.FindAll(".answers li")[3].TextContent.ShouldContain("2 of 3 uses have no cost");
    }

    [Fact]
    public void A_task_that_nobody_has_worked_on_has_no_gaps() => Card(new CostEvidence(0, 0, 0, 0, 0, 0, 0, 0)).Find(".badge").TextContent.ShouldBe("Not begun");

    [Theory]
    [InlineData("64.69 USD", "64.69", "USD")]
    [InlineData("27.2 %", "27.2", "%")]
    [InlineData("None taken", "None taken", null)]
    [InlineData("3", "3", null)]
    public void A_card_shows_the_number_large_and_its_unit_beside(string value, string large, string? unit)
    {
        var card = Render<ControlCenter.Dashboard.Components.StatCard>(p => p.Add(c => c.Label, "x").Add(c => c.Href, "/").Add(c => c.Value, value));
        card.Find(".value").TextContent.Replace('\u00a0', ' ').Trim().ShouldBe(unit is null ? large : $"{large} {unit}");
        card.FindAll(".unit").Count.ShouldBe(unit is null ? 0 : 1);
    }

    [Fact]
    public void A_price_is_told_against_the_cheapest_of_its_own_kind()
    {
        EffectivePrice Of(string module, decimal? price, string? currency = "USD", PriceMeasure measure = PriceMeasure.MillionTokens) =>
            new(module, "p", AccessPath.Api, measure, price, currency, price, 0, 1, 1, 0);
        EffectivePrice[] all = [Of("a", 2), Of("b", 5), Of("c", 9, "EUR"), Of("d", 1, measure: PriceMeasure.Use), Of("e", null, null)];
        all.Select(p => PriceWords.Against(p, all)).ShouldBe(["cheapest", "2.5 ×", "–", "–", "–"]);
        (PriceWords.Signed(1, "USD"), PriceWords.Signed(-0.5m, "USD")).ShouldBe(("+1.00 USD", "-0.50 USD"));
    }

    [Fact]
    public void A_phones_bar_has_four_places_and_every_place_a_key_of_its_own()
    {
        NavPage.All.Count(p => p.IsMain).ShouldBe(4);
        NavPage.All.Select(p => p.Key).ShouldBeUnique();
        NavPage.All.Where(p => p.IsMain).ShouldAllBe(p => p.To == Permission.ReadAll);
    }

    private IRenderedComponent<TaskCostsCard> Card(CostEvidence seen)
    {
        var answers = CostObservability.Of(seen);
        var costs = new TaskCosts(
            Guid.CreateVersion7(), Guid.CreateVersion7(), CostObservability.IsObservable(answers), answers, seen.Uses, 0, 0, 0, seen.WithoutCost, 10, 20,
            [new CurrencyCosts("USD", 1, null, 1)], [new TaskModule("writer", "p", AccessPath.Api, seen.Uses, [])], [new TaskRuntime(null, "alpha", null, null, seen.Uses)]);
        return Render<TaskCostsCard>(p => p.Add(c => c.Costs, costs));
    }
}
