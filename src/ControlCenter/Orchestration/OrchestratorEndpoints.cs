using ControlCenter.Bus;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Orchestration;

namespace ControlCenter.Orchestration;

/// <summary>Who decides who does what, and why, on the bus.</summary>
internal static class OrchestratorEndpoints
{
    public static void MapOrchestrator(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<OrchestratorQueries, OrchestratorView>("/orchestrator", "orchestrator", (queries, http) => queries.StandingAsync(http.RequestAborted));
        routes.MapChange<AssignmentPolicies, AssignmentPolicy, AssignmentPolicy>(
            "PUT", "/orchestrator/policy", (policies, call) => policies.SetAsync(call.Request, call.Caller, call.Aborted));
        routes.MapQuery<OrchestratorQueries, AssignmentList>(
            "/tasks/{id}/assignments", "task", (queries, http) => queries.OfTaskAsync(BusRoutes.IdIn(http), http.RequestAborted));
    }
}
