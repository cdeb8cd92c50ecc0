using ControlCenter.Bus;
using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Costs;
using ControlCenter.Runtime.Models;

namespace ControlCenter.Costs;

/// <summary>What costs mean, on the bus: whether they are known, justified, comparable, and reckoned by the right price.</summary>
internal static class InsightEndpoints
{
    public static void MapInsight(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<SessionCostQueries, SessionCosts>("/sessions/{id}/costs", "session", async (costs, http) => await costs.FindAsync(BusRoutes.IdIn(http), http.RequestAborted));
        routes.MapQuery<TaskCostQueries, TaskCosts>("/tasks/{id}/costs", "task", (costs, http) => costs.FindAsync(BusRoutes.IdIn(http), http.RequestAborted));
        routes.MapQuery<CostReasonQueries, CostReasons>("/costs/reasons", "list", async (reasons, http) => await reasons.FindAsync(
            new CostEventFilter(BusRoutes.OptionalWord<RollupDimension>(http, "by"), BusRoutes.OptionalText(http, "key"), CostEndpoints.OptionalTime(http, "from"), CostEndpoints.OptionalTime(http, "to")),
            http.RequestAborted));
        routes.MapQuery<EffectivePriceQueries, EffectivePriceList>("/costs/effective-prices", "list", async (prices, http) => await prices.ListAsync(
            CostEndpoints.OptionalTime(http, "from"), CostEndpoints.OptionalTime(http, "to"), http.RequestAborted));
        routes.MapQuery<WatchCostLag, CostLag>("/costs/lag", "list", async (lag, http) => await lag.MeasureAsync(http.RequestAborted));
        routes.MapQuery<RepriceCosts, RepricePreview>("/costs/reprice", "list", async (reprice, http) => await reprice.PreviewAsync(BusRoutes.OptionalText(http, "module"), BusRoutes.CallerOf(http), http.RequestAborted));
        routes.MapCommand<RepriceCosts, RepriceRequest, RepricedBatch>(
            "/costs/reprice", 200, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
    }
}
