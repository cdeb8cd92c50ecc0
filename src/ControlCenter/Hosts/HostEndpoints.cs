using ControlCenter.Bus;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Hosts;
using ControlCenter.Runtime.Orchestration;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Runner.Bus;

namespace ControlCenter.Hosts;

/// <summary>Machines that run agents, on the bus.</summary>
internal static class HostEndpoints
{
    public static void MapHosts(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<HostQueries, Page<HostView>>("/hosts", "list", async (hosts, http) => await hosts.ListAsync(BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapGet("/hosts/self", (Delegate)(async (HttpContext http) =>
        {
            var caller = BusRoutes.CallerOf(http);
            caller.Require(Permission.RunHost);
            var standing = await http.RequestServices.GetRequiredService<OrchestratorQueries>().StandingAsync(http.RequestAborted);
            await BusRoutes.WriteAsync(http, StatusCodes.Status200OK, new KnownHost(caller.ActorId, caller.Name, standing?.Primary, standing?.Surface));
        })).Produces<KnownHost>().ProducesProblem(401).ProducesProblem(403);
        routes.MapQuery<HostQueries, HostDetail>("/hosts/{id}", "host", (hosts, http) => hosts.FindAsync(BusRoutes.IdIn(http), http.RequestAborted));
        routes.MapCommand<CreateHost, CreateHostRequest, CreatedHost>(
            "/hosts", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<DrainHost, NoBody, HostStanding>(
            "/hosts/{id}/drain", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<DrainHost, NoBody, HostStanding>(
            "/hosts/{id}/resume", 200, (command, call) => command.ResumeAsync(call.Id(), call.Caller, call.Idempotency, call.Aborted));
    }
}
