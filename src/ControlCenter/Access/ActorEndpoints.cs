using ControlCenter.Bus;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Access;

/// <summary>Who gets in, and the audit, on the bus: the founder's alone.</summary>
internal static class ActorEndpoints
{
    public static void MapActors(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<ActorQueries, Page<ActorView>>("/actors", "list", async (actors, http) => await actors.ListAsync(
            new ActorFilter(BusRoutes.OptionalWord<Role>(http, "role"), BusRoutes.OptionalWord<AccessState>(http, "state")),
            BusRoutes.PageIn(http), BusRoutes.CallerOf(http), http.RequestAborted)).ProducesProblem(403);
        routes.MapQuery<ActorQueries, ActorView>(
            "/actors/{id}", "actor", (actors, http) => actors.FindAsync(BusRoutes.IdIn(http), BusRoutes.CallerOf(http), http.RequestAborted)).ProducesProblem(403);
        routes.MapCommand<CreateActor, CreateActorRequest, CreatedActor>(
            "/actors", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<RotateKey, NoBody, RotatedKey>(
            "/actors/{id}/rotate-key", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<RevokeAccess, NoBody, RevokedAccess>(
            "/actors/{id}/revoke", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Caller, call.Idempotency, call.Aborted));
        routes.MapQuery<AuditQueries, Page<AuditView>>("/audit", "list", async (audit, http) => await audit.ListAsync(
            new AuditFilter(
                BusRoutes.OptionalId(http, "actor_id"), null, BusRoutes.OptionalText(http, "action"), BusRoutes.OptionalWord<AuditOutcome>(http, "outcome")),
            BusRoutes.PageIn(http), BusRoutes.CallerOf(http), http.RequestAborted)).ProducesProblem(403);
    }
}
