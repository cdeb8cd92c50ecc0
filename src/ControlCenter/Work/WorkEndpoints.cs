using ControlCenter.Access;
using ControlCenter.Bus;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Work;

namespace ControlCenter.Work;

/// <summary>Tickets, tasks, claims and leases on the bus (bus-api.md, Work).</summary>
internal static class WorkEndpoints
{
    public static void MapWork(this IEndpointRouteBuilder routes)
    {
        MapQueries(routes);
        routes.MapCommand<CreateTicket, CreateTicketRequest, CreatedTicket>(
            "/tickets", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapChange<EditTicket, EditTicketRequest, CreatedTicket>(
            "PATCH", "/tickets/{id}", (command, call) => command.ExecuteAsync(TicketIn(call.Http), call.Request, call.Caller, call.Aborted));

        routes.MapCommand<CreateTask, CreateTaskRequest, PlannedTask>(
            "/tickets/{id}/tasks", 201, (command, call) => command.ExecuteAsync(TicketIn(call.Http), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapChange<ChangeDependencies, ChangeDependenciesRequest, TaskStanding>(
            "PUT", "/tasks/{id}/dependencies", (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Aborted));
        routes.MapCommand<ClaimTask, ClaimTaskRequest, ClaimedWork>(
            "/tasks/claim", 200, ClaimAsync);
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

    // A wait for work outlives the moment in which its key was looked at: a revoked agent is handed nothing.
    private static async Task<Outcome<ClaimedWork>> ClaimAsync(ClaimTask command, CommandCall<ClaimTaskRequest> call)
    {
        using var watched = call.Request.WaitSeconds > 0 ? call.Http.RequestServices.GetRequiredService<EndRevokedAccess>().Watch(call.Http) : null;
        var outcome = await command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted);
        if (outcome.Value is null && await call.Http.RequestServices.GetRequiredService<WithheldWork>().ReasonAsync(call.Request.AgentId, call.Request.Capabilities, call.Aborted) is { } reason)
        {
            // No work, as the contract has it, with the reason beside it: an agent that waits for work goes on waiting, and is not told of an error.
            call.Http.Response.Headers["X-CC-Refused"] = ProblemTypes.BudgetExhausted;
            call.Http.Response.Headers["X-CC-Refused-Detail"] = reason;
        }

        return outcome;
    }

    private static void MapQueries(IEndpointRouteBuilder routes)
    {
        routes.MapQuery<TicketQueries, Page<TicketView>>("/tickets", "list", async (tickets, http) => await tickets.ListAsync(
            new TicketFilter(BusRoutes.OptionalWord<TicketState>(http, "state"), BusRoutes.OptionalText(http, "project"), BusRoutes.OptionalText(http, "text")),
            BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<TicketQueries, TicketView>("/tickets/{id}", "ticket", (tickets, http) => tickets.FindAsync(TicketIn(http), http.RequestAborted));
        routes.MapQuery<TaskQueries, Page<TaskView>>("/tasks", "list", async (tasks, http) => await tasks.ListAsync(
            new TaskFilter(
                BusRoutes.OptionalWord<TaskState>(http, "state"), await TicketFilterAsync(http), BusRoutes.OptionalId(http, "agent"), BusRoutes.OptionalText(http, "text")),
            BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<TaskQueries, TaskDetail>("/tasks/{id}", "task", (tasks, http) => tasks.FindAsync(BusRoutes.IdIn(http), http.RequestAborted));
    }

    // By id or by key, like everywhere; a ticket that is not there has no tasks.
    private static async Task<Guid?> TicketFilterAsync(HttpContext http) =>
        BusRoutes.OptionalText(http, "ticket") is { } ticket
            ? (await http.RequestServices.GetRequiredService<TicketQueries>().FindAsync(ticket, http.RequestAborted))?.TicketId ?? Guid.Empty
            : null;

    private static string TicketIn(HttpContext http) => http.GetRouteValue("id")!.ToString()!;
}
