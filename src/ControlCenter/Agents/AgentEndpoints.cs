using ControlCenter.Bus;
using ControlCenter.Runtime.Agents;

namespace ControlCenter.Agents;

/// <summary>Agents, heartbeats and interventions on the bus (bus-api.md, Agents).</summary>
internal static class AgentEndpoints
{
    public static void MapAgents(this IEndpointRouteBuilder routes)
    {
        routes.MapCommand<RegisterAgent, RegisterAgentRequest, RegisteredAgent>(
            "/agents", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapChange<RecordHeartbeat, HeartbeatRequest, HeartbeatAnswer>(
            "POST", "/agents/{id}/heartbeat", (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Aborted));
        routes.MapCommand<RequestIntervention, InterventionRequest, RequestedIntervention>(
            "/agents/{id}/interventions", 201, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<AcknowledgeIntervention, NoBody, AcknowledgedIntervention>(
            "/interventions/{id}/ack", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Caller, call.Idempotency, call.Aborted));
    }
}
