using Bunit;
using ControlCenter.Dashboard.Budgets;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Governance;
using static ControlCenter.Tests.Dashboard.Samples;

namespace ControlCenter.Tests.Dashboard;

public sealed class BudgetComponentTests : BunitContext
{
    public BudgetComponentTests() => JSInterop.Mode = JSRuntimeMode.Loose;

    [Theory]
    [InlineData("Ticket", "Which ticket", "its key, such as T-1")]
    [InlineData("Task", "Which task", "its id")]
    [InlineData("Provider", "Which provider", "its name")]
    public void A_new_budget_asks_for_what_it_is_for_in_the_words_of_its_scope(string scope, string label, string example)
    {
        var draft = new BudgetDraft();
        var fields = Render<BudgetFields>(p => p.Add(f => f.Draft, draft));
        fields.FindAll("input").Count.ShouldBe(3, "the limits and the currency: everything has no name");
        fields.Find("select").Change(scope);
        fields.Markup.ShouldContain(label);
        fields.Find($"input[placeholder='{example}']").Change("  x  ");
        draft.ToCreate().ScopeId.ShouldBe("x");
    }

    [Fact]
    public void A_budget_that_is_set_changes_its_limits_and_nothing_else()
    {
        var draft = BudgetDraft.Of(Budget(spent: 1, soft: 5, hard: 10));
        var fields = Render<BudgetFields>(p => p.Add(f => f.Draft, draft));
        fields.FindAll("select").ShouldBeEmpty();
        fields.Find("input[disabled]").GetAttribute("value").ShouldBe("USD");
        fields.FindAll("input[type=number]")[0].Change("20.5");
        fields.FindAll("input[type=number]")[1].Change("");
        var change = draft.ToChange();
        (change.HardLimit, change.SoftLimit.IsGiven, change.SoftLimit.Amount).ShouldBe((20.5m, true, null));
    }

    [Fact]
    public void Limits_are_written_without_the_zeros_that_the_database_keeps()
    {
        var draft = BudgetDraft.Of(Budget(spent: 1, soft: 5.500000000000m, hard: 10.000000000000m));
        Render<BudgetFields>(p => p.Add(f => f.Draft, draft)).FindAll("input[type=number]").Select(i => i.GetAttribute("value")).ShouldBe(["10", "5.5"]);
    }

    [Fact]
    public void Too_little_seen_is_said_and_no_number_is_made_up() =>
        Render<OutlookLine>(p => p.Add(o => o.Outlook, new BudgetOutlook(Budget(spent: 1), null))).MarkupMatches("<span>too little seen for a forecast</span>");

    [Fact]
    public void Nothing_spent_lately_is_said_in_words() =>
        Render<OutlookLine>(p => p.Add(o => o.Outlook, Outlook(Budget(spent: 3), 0, 0, 0, 0, 0))).MarkupMatches("<span>nothing spent lately</span>");

    [Fact]
    public void The_band_and_the_day_on_which_it_is_used_up_are_told()
    {
        var line = Render<OutlookLine>(p => p.Add(o => o.Outlook, Outlook(Budget(spent: 4), 1, 3, 1, 3, 1, 3))).Markup;
        line.ShouldContain("2.00 USD an hour");
        line.ShouldContain("28.00 USD by its end (");
        line.ShouldContain("used up:");
        line.ShouldContain("earliest:");
    }

    [Fact]
    public void A_budget_that_is_used_up_is_not_forecast_to_be() =>
        Render<OutlookLine>(p => p.Add(o => o.Outlook, Outlook(Budget(spent: 10, state: BudgetState.Exhausted), 1, 3, 1, 3))).Markup.ShouldNotContain("used up:");

    [Theory]
    [InlineData(0, 0)]
    [InlineData(4, 3)]
    [InlineData(500, 20)]
    public void A_bar_says_its_numbers_and_stays_within_itself(int spent, int reserved)
    {
        var bar = Render<BudgetBar>(p => p.Add(b => b.Outlook, Outlook(Budget(spent, reserved: reserved, soft: 8), 0, 5, 0, 5)));
        bar.Find("svg").GetAttribute("aria-label")!.ShouldContain("of 10.00 USD spent");
        foreach (var part in bar.FindAll("rect"))
        {
            (int.Parse(part.GetAttribute("x") ?? "0") + int.Parse(part.GetAttribute("width")!)).ShouldBeInRange(0, 1003);
        }
    }

    [Theory]
    [InlineData("""{"amount":5}""", "The raise of 5.00 USD has ended")]
    [InlineData("""{"amount":5,"reason":"Done.","reserved":0}""", "The raise of 5.00 USD was taken back: Done.")]
    [InlineData("""{"amount":5,"reason":"Done.","reserved":3}""", "The raise of 5.00 USD was taken back: Done. (3.00 USD stayed set aside for calls under way)")]
    public void The_end_of_a_raise_is_told_with_its_reason_and_with_what_stayed_set_aside(string detail, string words) =>
        BudgetWords.Of(new BudgetChangeView(Id(1), Start, Id(2), "founder", "raise_ended", Json(detail)), "USD").ShouldBe(words);

    [Fact]
    public void Every_scope_and_every_period_has_its_words()
    {
        Enum.GetValues<BudgetScope>().Select(s => BudgetWords.For(Budget(1) with { Scope = s, ScopeName = "x" })).ShouldBeUnique();
        Enum.GetValues<BudgetPeriod>().Select(BudgetWords.Span).ShouldBeUnique();
        WireNames<BudgetScope>.All.Count.ShouldBe(7);
    }

    private static BudgetView Budget(decimal spent, decimal? soft = null, decimal hard = 10, decimal reserved = 0, BudgetState state = BudgetState.WithinLimits) => new(
        Id(1), BudgetScope.Project, "release", "release", BudgetPeriod.Day, soft, hard, "USD", hard, spent, reserved, hard - spent - reserved, 1, 0, state,
        null, null, Start.AddHours(-12), Start.AddHours(12), Start, Start);

    /// <summary>Seen so much an hour, at noon.</summary>
    private static BudgetOutlook Outlook(BudgetView budget, params int[] seen) => new(
        budget,
        BudgetForecast.Of([.. seen.Select((s, i) => new SpendBucket(Start.AddHours(i - seen.Length), s))], TimeSpan.FromHours(1), Start, budget.PeriodEnd, budget.Spent, budget.LimitNow));
}
