using ControlCenter.Bus;
using ControlCenter.Runtime.Escalations;

namespace ControlCenter.Escalations;

/// <summary>Escalations and decisions on the bus (bus-api.md, Escalations).</summary>
internal static class EscalationEndpoints
{
    public static void MapEscalations(this IEndpointRouteBuilder routes)
    {
        routes.MapCommand<OpenEscalation, OpenEscalationRequest, OpenedEscalation>(
            "/escalations", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<DecideEscalation, DecideEscalationRequest, RecordedDecision>(
            "/escalations/{id}/decision", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
    }
}
