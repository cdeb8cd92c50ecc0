using Bunit;
using ControlCenter.Dashboard.Models;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Models;
using ControlCenter.Runtime.Models;
using static ControlCenter.Tests.Dashboard.Samples;

namespace ControlCenter.Tests.Dashboard;

public sealed class ModelComponentTests : BunitContext
{
    public ModelComponentTests() => JSInterop.Mode = JSRuntimeMode.Loose;

    [Fact]
    public void A_module_that_was_not_called_is_not_called_healthy_and_has_no_rates()
    {
        var row = Table(Module("quiet")).Find("tbody tr");
        row.QuerySelector(".badge")!.TextContent.ShouldBe("Not called lately");
        row.QuerySelector("[data-label=Failed]")!.TextContent.ShouldBe("–");
        row.QuerySelector("[data-label=Price]")!.TextContent.Trim().ShouldBe("none: not called");
        row.QuerySelectorAll(".warning").ShouldBeEmpty();
    }

    [Fact]
    public void A_module_that_is_left_alone_says_when_it_is_tried_next_and_the_founder_alone_may_let_calls_pass()
    {
        var breaker = new BreakerView("p:broken", "p", "broken", BreakerState.Open, ModuleHealth.Down, 5, Start.AddSeconds(40), null);
        var module = Module("broken") with { Breaker = breaker, Lately = new ModuleRecord("broken", 8, 5, 1, null) };
        string? reset = null;
        var table = Table(module, Role.FounderAdmin, id => reset = id);
        table.Find(".badge.bad").TextContent.ShouldBe("Left alone");
        table.Find("[data-label=Health] cc-time").GetAttribute("mode").ShouldBe("left");
        table.Find("[data-label=Failed]").TextContent.ShouldBe("62.5 %");
        table.Find("button").Click();
        reset.ShouldBe("p:broken");
        Table(module, Role.ReadOnlyObserver).FindAll("button").ShouldBeEmpty();
    }

    [Fact]
    public void A_subscription_shows_each_window_what_it_leads_to_and_what_it_has_come_to()
    {
        var price = new Price("sub", Start, "USD", 0, 0, Subscription: new Subscription(200, [new(5, WindowUnit.Tokens, 1_000), new(168, WindowUnit.Tokens, 20_000)]));
        var table = Table(Module("sub") with
        {
            Price = price,
            Windows =
            [
                new WindowStanding(5, WindowUnit.Tokens, 1_000, 1_000, 1, Start, Start.AddMinutes(25), 0.0014m),
                new WindowStanding(168, WindowUnit.Tokens, 20_000, 5_000, 0.25m, Start.AddHours(30), null, 0.0092m),
            ],
        });
        var meters = table.FindAll(".window");
        meters.Select(m => m.TextContent.Trim()).ShouldBe(["5 h: 100 % of 1,000 tokens ·  until there is room", "7 d: 25 % of 20,000 tokens · at this pace"]);
        meters.Select(m => m.QuerySelector("svg")!.ClassName).ShouldBe(["budget-bar bad", "budget-bar warn"]);
        meters[1].QuerySelector(".spent")!.GetAttribute("width").ShouldBe("250");
        table.Find("[data-label=Price]").TextContent.ShouldContain("200 USD a month");
        table.Find("[data-label=Price]").TextContent.ShouldContain("at this use 9200 USD a million");
        table.Find(".badge").TextContent.ShouldBe("Window used up");
    }

    [Fact]
    public void Warnings_stand_beside_the_name_and_evidence_links_only_to_pages()
    {
        var module = Module("old") with
        {
            Module = new Module("old", "p", "u", Evidence: [new("price", "https://p.example/prices", Start), new("trust", "javascript:alert(1)", Start)]),
            Warnings = ["Its provider ends it on 2026-12-01: from then on it is not called."],
        };
        var table = Table(module);
        table.Find(".title .warning").TextContent.ShouldContain("ends it on 2026-12-01");
        table.Find(".evidence summary").TextContent.ShouldBe("Evidence of 2 fields");
        table.FindAll(".evidence a").Select(a => a.GetAttribute("href")).ShouldBe(["https://p.example/prices"]);
        table.Find(".evidence").TextContent.ShouldContain("javascript:alert(1)");
    }

    [Fact]
    public void A_routes_candidates_stand_in_their_order_and_say_what_keeps_calls_away()
    {
        var throttled = Module("second") with { Breaker = new BreakerView("p:second", "p", "second", BreakerState.Closed, ModuleHealth.Throttled, 0, null, Start) };
        var list = Render<RouteList>(p => p
            .Add(l => l.Routes, [new Route("default", ["first", "second", "gone"])])
            .Add(l => l.Modules, new Dictionary<string, ModuleStanding> { ["first"] = Module("first"), ["second"] = throttled }));
        list.FindAll(".chip").Select(c => c.TextContent).ShouldBe(["first", "second · Asks for patience", "gone"]);
        list.FindAll(".chip")[0].GetAttribute("href").ShouldBe("/modules/routes?module=first");
    }

    [Fact]
    public void A_decision_says_the_way_that_a_call_took_in_words()
    {
        var straight = Decision(CallEnd.Completed, null, new RoutingStep("first", "skipped", "window_used_up"), new RoutingStep("second", "failed", "throttled", 429, 12), new RoutingStep("third", "answered", null, 200, 80));
        var refused = Decision(null, "budget_exhausted");
        var table = Render<DecisionTable>(p => p.Add(t => t.Decisions, [straight, refused]));
        table.FindAll("[data-label=Why]").Select(c => c.TextContent).ShouldBe(
            ["first was passed over: its subscription's window is used up; second failed: throttled, status 429 after 12 ms; third answered after 80 ms", "refused before any module was asked"]);
        table.FindAll(".badge").Select(b => b.TextContent).ShouldBe(["Answered", "Budget used up"]);
        table.FindAll("[data-label='Served by']").Select(c => c.TextContent).ShouldBe(["third", "nobody"]);
    }

    [Fact]
    public void A_shadow_says_what_it_would_save_of_how_many_and_that_nobody_scores_where_nobody_does()
    {
        var scored = new ShadowStanding("default", "dear", "cheap", 12.5m, "judge", ShadowScoring.Scored, 1_200, 1_190, 1_000, "USD", 0.0042m, 0.0011m, 0.0031m, 1_240, 820, 300, 280, 900, 86.4m, 81m, Start);
        var table = Render<ShadowTable>(p => p.Add(t => t.Shadows,
        [
            scored, scored with { Route = "old", Percent = null, SavedPerCall = -0.5m, Scoring = ShadowScoring.NoneYet, Scores = 0 },
            new ShadowStanding("quiet", "dear", "cheap", 0, null, ShadowScoring.NoJudge),
        ]));
        string[] Cells(string label) => [.. table.FindAll($"[data-label={label}]").Select(c => string.Join(" | ", c.QuerySelectorAll("span").Select(s => s.TextContent).Where(t => t.Length > 0)))];
        table.FindAll("[data-label=Shadow] .tiny").Select(c => c.TextContent).ShouldBe(["12.5 % of calls, scored by judge", "no longer asked", "not asked: 0 % of calls"]);
        Cells("Compared").ShouldBe(["1,200 | 10 not answered", "1,200 | 10 not answered", "0"]);
        Cells("Saved").ShouldBe(["0.0031 USD | 0.0011 against 0.0042, of 1,000", "−0.50 USD | 0.0011 against 0.0042, of 1,000", "–"]);
        table.FindAll("[data-label=Latency]").Select(c => c.TextContent).ShouldBe(["820 against 1,240 ms", "820 against 1,240 ms", "–"]);
        Cells("Score").ShouldBe(["81 against 86.4 | of 900", "none yet", "no judge"]);
    }

    private IRenderedComponent<ModuleTable> Table(ModuleStanding module, Role role = Role.FounderAdmin, Action<string>? reset = null) =>
        Render<ModuleTable>(p => p.AddCascadingValue(SignedIn(role)).Add(t => t.Modules, [module]).Add(t => t.OnReset, id => reset?.Invoke(id)));

    private static ModuleStanding Module(string id) => new(
        id, new Module(id, "p", "upstream"), null, new BreakerView($"p:{id}", "p", id, BreakerState.Closed, ModuleHealth.Healthy, 0, null, null), null, [], []);

    private static DecisionRow Decision(CallEnd? end, string? refusal, params RoutingStep[] steps) => new(
        Id(steps.Length), Start, Id(2), "an agent", Id(2), null, ModelEndpoint.Messages, "default", steps.Length > 0 ? steps[^1].Module : null, "p", end, refusal, null, 0, 0, 100, null, steps);
}
