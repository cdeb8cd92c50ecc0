using Bunit;
using ControlCenter.Dashboard.Costs;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Events;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Costs;

public sealed class TrendMarksTests(HostFixture fixture) : BusTests(fixture)
{
    private static readonly DateTimeOffset Start = new(2026, 5, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly CostSpan Span = new(Start, Start.AddDays(10), RollupGrain.Day, TimeSpan.FromDays(1), "USD");

    [Fact]
    public void A_mark_stands_at_its_time_and_those_that_could_not_be_told_apart_stand_together()
    {
        var groups = TrendMarks.Place(Span, 10, [Deployed(3, 8), Deployed(1, 2), Opened(2, 2.25), Deployed(9, 11), Deployed(8, -1)]);
        groups.Select(g => (g.Place, g.Word, g.Newest.Seq)).ShouldBe([(20, "2 marks", 2), (80, "1.3", 3)]);
        groups[0].Label.ShouldBe("3 May 00:00 UTC: Version 1.1 runs, after 1.0; 3 May 06:00 UTC: m of p failed 5 times in a row and is left alone");
    }

    [Fact]
    public void A_mark_can_be_reached_by_keyboard_is_named_and_leads_to_its_event()
    {
        using var context = new BunitContext();
        var chart = TrendChart.Of(Span, [], [], [new CostPoint(Start, "", 4, 0)]);
        var trend = context.Render<CostTrend>(p => p
            .Add(t => t.Chart, chart).Add(t => t.Names, []).Add(t => t.Currency, "USD").Add(t => t.Step, Span.Step).Add(t => t.Marks, TrendMarks.Place(Span, chart.Bars.Count, [Deployed(1, 2), Opened(2, 8)])));
        var marks = trend.FindAll("svg.trend-marks a");
        marks.Select(m => m.GetAttribute("href")).ShouldBe(["/events?at=1", "/events?at=2"]);
        marks.ShouldAllBe(m => m.GetAttribute("aria-label")!.Length > 0 && m.GetAttribute("tabindex") == null);
        trend.FindAll("details li").Count.ShouldBe(2);
        trend.Find("summary").TextContent.ShouldBe("2 marks: deploys and breakers");
        trend.Markup.ShouldNotContain("style=");
    }

    [Fact]
    public async Task Marks_are_read_by_their_kinds_and_within_their_time_newest_first()
    {
        await Host.SqlAsync<int>(
            """
            with e as (insert into events (seq, at, actor_id, kind, subject_type, subject_id, data)
                select nextval('events_seq'), now() - n * interval '1 hour', '00000000-0000-7000-8000-000000000001', case when n % 2 = 0 then 'governor.breaker_opened' else 'noise.test' end, 'breaker', 'p:m', '{}'
                from generate_series(1, 8) n returning 1) select count(*)::int from e
            """, Stop);
        var now = TimeProvider.System.GetUtcNow();
        var found = await Host.Services.GetRequiredService<EventReader>().ReadOfKindsAsync(TrendMarks.Kinds, now.AddHours(-7), now.AddHours(-1), 2, Stop);
        found.Select(e => e.Kind).ShouldBe(["governor.breaker_opened", "governor.breaker_opened"]);
        found.ShouldBe(found.OrderByDescending(e => e.Seq));
        found.ShouldAllBe(e => e.At >= now.AddHours(-7) && e.At < now.AddHours(-1));
    }

    private static TrendMark Deployed(int seq, double day) => Mark(seq, day, "runtime.deployed", $$"""{"version":"1.{{seq}}","before":"1.{{seq - 1}}"}""");

    private static TrendMark Opened(int seq, double day) => Mark(seq, day, "governor.breaker_opened", """{"module":"m","provider":"p","failures":5}""");

    private static TrendMark Mark(int seq, double day, string kind, string data) => TrendMarks.Of(new EventRecord { Seq = seq, At = Start.AddDays(day), Kind = kind, Data = data });
}
