using ControlCenter.Access;
using ControlCenter.Bus;
using ControlCenter.Domain.Escalations;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Escalations;

/// <summary>Escalations and decisions on the bus (bus-api.md, Escalations).</summary>
internal static class EscalationEndpoints
{
    private const int LongestWaitSeconds = 60;

    public static void MapEscalations(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<EscalationQueries, Page<EscalationView>>("/escalations", "list", async (escalations, http) => await escalations.ListAsync(
            new EscalationFilter(
                BusRoutes.OptionalWord<EscalationState>(http, "state"), BusRoutes.OptionalWord<EscalationKind>(http, "kind"),
                BusRoutes.OptionalId(http, "task_id"), BusRoutes.OptionalId(http, "requested_by")),
            BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<EscalationQueries, EscalationView>("/escalations/{id}", "escalation", WaitForDecisionAsync);
        routes.MapCommand<OpenEscalation, OpenEscalationRequest, OpenedEscalation>(
            "/escalations", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<DecideEscalation, DecideEscalationRequest, RecordedDecision>(
            "/escalations/{id}/decision", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
    }

    /// <summary>Answers at once when it is decided, and otherwise when it has been, or when the caller's patience is over.</summary>
    private static async Task<EscalationView?> WaitForDecisionAsync(EscalationQueries escalations, HttpContext http)
    {
        var id = BusRoutes.IdIn(http);
        var patience = TimeSpan.FromSeconds(BusRoutes.OptionalNumber(http, "wait_seconds", 0, LongestWaitSeconds) ?? 0);
        var feed = http.RequestServices.GetRequiredService<EventFeed>();
        var time = http.RequestServices.GetRequiredService<TimeProvider>();
        var stopping = http.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        using var watched = patience > TimeSpan.Zero ? http.RequestServices.GetRequiredService<EndRevokedAccess>().Watch(http) : null;
        using var over = new CancellationTokenSource(patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, over.Token, stopping);
        while (true)
        {
            // The place first, the look second: a decision between the two is after the place, and wakes the wait.
            var position = feed.Head;
            var found = await escalations.FindAsync(id, http.RequestAborted);
            if (found is not { State: EscalationState.Waiting } || patience == TimeSpan.Zero || either.IsCancellationRequested)
            {
                return found;
            }

            await feed.WaitForAsync(position, e => e.Record.SubjectId == id.ToString(), either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
