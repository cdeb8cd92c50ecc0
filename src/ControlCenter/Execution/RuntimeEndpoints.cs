using ControlCenter.Bus;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Execution.Keyboard;
using ControlCenter.Runtime.Hosts;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Execution;

/// <summary>Runtimes and sessions on the bus, for people and for the hosts that run them.</summary>
internal static class RuntimeEndpoints
{
    public static void MapRuntimes(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<RuntimeQueries, Page<RuntimeView>>("/runtimes", "list", async (runtimes, http) => await runtimes.ListAsync(
            new RuntimeFilter(
                BusRoutes.OptionalWord<RuntimePhase>(http, "phase"), BusRoutes.OptionalId(http, "host"), BusRoutes.OptionalId(http, "agent"),
                BusRoutes.OptionalId(http, "task")),
            BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<RuntimeQueries, RuntimeDetail>(
            "/runtimes/{id}", "runtime", async (runtimes, http) =>
                await runtimes.FindAsync(BusRoutes.IdIn(http), http.RequestAborted) is { } found ? DefinitionEndpoints.MayWrite(http) ? found : found with { Definition = found.Definition.WithoutValues() } : null);
        routes.MapCommand<RequestRuntime, RequestRuntimeRequest, RequestedRuntime>(
            "/runtimes", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<StopRuntime, StopRuntimeRequest, StoppedRuntime>(
            "/runtimes/{id}/stop", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapQuery<KeyboardQueries, KeyboardView>("/runtimes/{id}/control", "runtime", (keyboards, http) => keyboards.FindAsync(BusRoutes.IdIn(http), http.RequestAborted));
        routes.MapCommand<TakeControl, TakeControlRequest, ControlTaken>(
            "/runtimes/{id}/control", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapRemoval<ReleaseControl>(
            "/runtimes/{id}/control", (command, call) => command.ExecuteAsync(call.Id(), BusRoutes.OptionalId(call.Http, "control_id"), call.Caller, call.Aborted));
        routes.MapCommand<TypeInput, TypeInputRequest, InputView>(
            "/runtimes/{id}/input", 201, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapQuery<SessionQueries, Page<SessionView>>("/sessions", "list", async (sessions, http) => await sessions.ListAsync(
            new SessionFilter(BusRoutes.OptionalWord<SessionState>(http, "state"), BusRoutes.OptionalId(http, "agent"), BusRoutes.OptionalId(http, "task")),
            BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<SessionQueries, SessionView>(
            "/sessions/{id}", "session", (sessions, http) => sessions.FindAsync(BusRoutes.IdIn(http), http.RequestAborted));
        routes.MapQuery<BootReportQuery, BootReportView>("/boot-report", "boot report", (reports, http) => reports.LatestAsync(http.RequestAborted));
        MapForHosts(routes);
    }

    private static void MapForHosts(IEndpointRouteBuilder routes)
    {
        routes.MapChange<ReportHost, HostReport, HostOrders>(
            "POST", "/hosts/{id}/report", (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Aborted));
        routes.MapChange<StartRuntime, StartRuntimeRequest, StartPackage>(
            "POST", "/hosts/{id}/runtimes/{runtime}/start",
            (command, call) => command.ExecuteAsync(call.Id(), call.Id("runtime"), call.Request, call.Caller, call.Aborted));
        routes.MapCommand<LetHostGo, NoBody, HostStanding>(
            "/hosts/{id}/leave", 200, (command, call) => command.LeaveAsync(call.Id(), call.Caller, call.Idempotency, call.Aborted));
        routes.MapRemoval<LetHostGo>("/hosts/{id}", (command, call) => command.RemoveAsync(call.Id(), call.Caller, call.Aborted));
    }
}
