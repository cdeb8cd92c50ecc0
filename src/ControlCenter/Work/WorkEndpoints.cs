using ControlCenter.Bus;
using ControlCenter.Runtime.Work;

namespace ControlCenter.Work;

/// <summary>Tickets, tasks, claims and leases on the bus (bus-api.md, Work).</summary>
internal static class WorkEndpoints
{
    public static void MapWork(this IEndpointRouteBuilder routes)
    {
        routes.MapCommand<CreateTicket, CreateTicketRequest, CreatedTicket>(
            "/tickets", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapChange<EditTicket, EditTicketRequest, CreatedTicket>(
            "PATCH", "/tickets/{id}", (command, call) => command.ExecuteAsync(TicketIn(call.Http), call.Request, call.Caller, call.Aborted));

        routes.MapCommand<CreateTask, CreateTaskRequest, PlannedTask>(
            "/tickets/{id}/tasks", 201, (command, call) => command.ExecuteAsync(TicketIn(call.Http), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapChange<ChangeDependencies, ChangeDependenciesRequest, TaskStanding>(
            "PUT", "/tasks/{id}/dependencies", (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Aborted));
        routes.MapCommand<ClaimTask, ClaimTaskRequest, ClaimedWork>(
            "/tasks/claim", 200, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<RenewLease, RenewLeaseRequest, RenewedLease>(
            "/leases/{id}/renew", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));

        routes.MapCommand<ReportProgress, ReportProgressRequest, TaskStanding>(
            "/tasks/{id}/progress", 202, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<SaveCheckpoint, SaveCheckpointRequest, SavedCheckpoint>(
            "/tasks/{id}/checkpoint", 202, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<CompleteTask, CompleteTaskRequest, TaskStanding>(
            "/tasks/{id}/complete", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<FailTask, FailTaskRequest, TaskStanding>(
            "/tasks/{id}/fail", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<ReleaseTask, ReleaseTaskRequest, TaskStanding>(
            "/tasks/{id}/release", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<CancelTask, CancelTaskRequest, TaskStanding>(
            "/tasks/{id}/cancel", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
    }

    private static string TicketIn(HttpContext http) => http.GetRouteValue("id")!.ToString()!;
}
