using ControlCenter.Bus;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Governance;

/// <summary>Budgets on the bus (bus-api.md, Governor).</summary>
internal static class BudgetEndpoints
{
    public static void MapBudgets(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<BudgetQueries, Page<BudgetView>>(
            "/budgets", "list", async (budgets, http) => await budgets.ListAsync(BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<BudgetQueries, BudgetDetail>("/budgets/{id}", "budget", (budgets, http) => budgets.FindAsync(BusRoutes.IdIn(http), http.RequestAborted));
        routes.MapCommand<CreateBudget, CreateBudgetRequest, BudgetView>(
            "/budgets", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapChange<ChangeBudget, ChangeBudgetRequest, BudgetView>(
            "PATCH", "/budgets/{id}", (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Aborted));
        routes.MapRemoval<DeleteBudget>("/budgets/{id}", (command, call) => command.ExecuteAsync(call.Id(), call.Caller, call.Aborted));
        routes.MapCommand<OverrideBudget, OverrideBudgetRequest, BudgetOverride>(
            "/budgets/{id}/overrides", 201, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<EndOverride, EndOverrideRequest, BudgetView>(
            "/budgets/{id}/overrides/{override}/end", 200,
            (command, call) => command.ExecuteAsync(call.Id(), call.Id("override"), call.Request, call.Caller, call.Idempotency, call.Aborted));
    }
}
