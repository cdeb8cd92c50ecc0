using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Costs;
using Microsoft.Extensions.DependencyInjection;

namespace ControlCenter.Tests.Costs;

/// <summary>What the page of costs shows is what was recorded.</summary>
public sealed class CostReadingsTests(HostFixture fixture) : BusTests(fixture)
{
    [Fact]
    public async Task Totals_shares_and_trends_are_those_of_the_events()
    {
        var now = TimeProvider.System.GetUtcNow();
        var ticket = await TicketAsync();
        var (cancelled, kept) = (await TaskAsync(ticket), await TaskAsync(ticket));
        await Founder.PostAsync($"tasks/{cancelled}/cancel", new { reason = "not wanted" }, Stop);
        await PostAsync(
            new { access_path = "api", module_id = "a", task_id = cancelled, estimated_cost = 3m, timestamp = now },
            new { access_path = "api", module_id = "a", task_id = kept, estimated_cost = 1m, timestamp = now.AddDays(-2) },
            new { access_path = "api", module_id = "b", estimated_cost = 2m, call_end = "failed", timestamp = now.AddDays(-2) },
            new { access_path = "api", module_id = "b", timestamp = now },
            new { access_path = "api", module_id = "b", estimated_cost = 5m, currency = "EUR", timestamp = now },
            new { access_path = "api", module_id = "old", estimated_cost = 100m, timestamp = now.AddDays(-60) });
        var readings = Host.Services.GetRequiredService<CostReadings>();
        (await Host.Services.GetRequiredService<RollUpCosts>().CatchUpAsync(TimeSpan.FromMinutes(2), Stop)).ShouldBeTrue();
        var span = new CostSpan(now.AddDays(-30), now.AddMinutes(1), RollupGrain.Day, TimeSpan.FromDays(1), "USD");

        var totals = await readings.TotalsAsync(span, Stop);
        (totals.Cost, totals.Requests, totals.Failures, totals.Unknown).ShouldBe((6m, 5, 1, 1));
        (totals.Unattributed, totals.UnattributedCost, totals.DiscardedCost).ShouldBe((3, 2m, 3m));
        totals.ByCurrency.Select(c => (c.Currency, c.Cost)).ShouldBe([("USD", 6m), ("EUR", 5m)], ignoreOrder: true);

        (await readings.BreakdownAsync(span, RollupDimension.Module, 10, Stop)).Select(r => (r.Key, r.Cost, r.Requests, r.Unknown)).ShouldBe([("a", 4m, 2, 0), ("b", 2m, 3, 1)]);
        (await readings.BreakdownAsync(span, RollupDimension.Task, 1, Stop)).ShouldHaveSingleItem().Key.ShouldBe(cancelled);

        var day = new DateTimeOffset(now.UtcDateTime.Date, TimeSpan.Zero);
        (await readings.TrendAsync(span, RollupDimension.Module, ["a", "absent"], Stop)).ShouldBe([new CostPoint(day.AddDays(-2), "a", 1m, 0), new CostPoint(day, "a", 3m, 0)]);
        (await readings.TrendAsync(span, RollupDimension.Module, null, Stop)).ShouldBe([new CostPoint(day.AddDays(-2), "", 3m, 0), new CostPoint(day, "", 3m, 1)]);
    }

    private async Task PostAsync(params object[] costs) =>
        (await Founder.PostAsync("cost-events", costs, Stop)).Status.ShouldBe(System.Net.HttpStatusCode.Created);
}
