using ControlCenter.Bus;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Agents;

/// <summary>Agents, heartbeats and interventions on the bus (bus-api.md, Agents).</summary>
internal static class AgentEndpoints
{
    public static void MapAgents(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<AgentQueries, Page<AgentView>>(
            "/agents", "list", async (agents, http) => await agents.ListAsync(BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<AgentQueries, AgentView>("/agents/{id}", "agent", (agents, http) => agents.FindAsync(BusRoutes.IdIn(http), http.RequestAborted));
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
