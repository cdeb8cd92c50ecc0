using ControlCenter.Bus;
using ControlCenter.Domain.Escalations;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Escalations;

/// <summary>Escalations and decisions on the bus (bus-api.md, Escalations).</summary>
internal static class EscalationEndpoints
{
    public static void MapEscalations(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<EscalationQueries, Page<EscalationView>>("/escalations", "list", async (escalations, http) => await escalations.ListAsync(
            new EscalationFilter(
                BusRoutes.OptionalWord<EscalationState>(http, "state"), BusRoutes.OptionalWord<EscalationKind>(http, "kind"),
                BusRoutes.OptionalId(http, "task_id"), BusRoutes.OptionalId(http, "requested_by")),
            BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<EscalationQueries, EscalationView>("/escalations/{id}", "escalation", (_, http) => http.RequestServices.GetRequiredService<WaitForDecision>().FindAsync(
            http, BusRoutes.IdIn(http), TimeSpan.FromSeconds(BusRoutes.OptionalNumber(http, "wait_seconds", 0, WaitForDecision.LongestSeconds) ?? 0)));
        routes.MapCommand<OpenEscalation, OpenEscalationRequest, OpenedEscalation>(
            "/escalations", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<DecideEscalation, DecideEscalationRequest, RecordedDecision>(
            "/escalations/{id}/decision", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
    }
}
