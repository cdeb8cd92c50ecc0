using ControlCenter.Bus;
using ControlCenter.Domain.Jobs;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Jobs;

/// <summary>Jobs on the bus.</summary>
internal static class JobEndpoints
{
    public static void MapJobs(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<JobQueries, JobList>("/jobs", "list", async (jobs, http) => await jobs.ListAsync(http.RequestAborted));
        routes.MapQuery<JobQueries, JobView>("/jobs/{id}", "job", (jobs, http) => jobs.FindAsync(NameIn(http), http.RequestAborted));
        routes.MapQuery<JobQueries, Page<JobRunView>>("/jobs/{id}/runs", "job", async (jobs, http) => await jobs.FindAsync(NameIn(http), http.RequestAborted) is null
            ? null
            : await jobs.RunsAsync(NameIn(http), BusRoutes.OptionalWord<JobRunState>(http, "state"), BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<JobQueries, JobRunStory>("/jobs/{id}/runs/{run}", "run", (jobs, http) => jobs.FindRunAsync(
            NameIn(http), BusRoutes.IdIn(http, "run"), (int)(BusRoutes.OptionalNumber(http, "after_line", 0, int.MaxValue) ?? 0), http.RequestAborted));
        routes.MapCommand<RunJobNow, RunJobRequest, JobRunReference>(
            "/jobs/{id}/run", 202, (command, call) => command.ExecuteAsync(NameIn(call.Http), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<PauseJob, NoBody, JobView>("/jobs/{id}/pause", 200, (command, call) => command.PauseAsync(NameIn(call.Http), call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<PauseJob, NoBody, JobView>("/jobs/{id}/resume", 200, (command, call) => command.ResumeAsync(NameIn(call.Http), call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<RetryJobRun, NoBody, JobRunReference>(
            "/jobs/{id}/runs/{run}/retry", 202, (command, call) => command.ExecuteAsync(NameIn(call.Http), call.Id("run"), call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<CancelJobRun, NoBody, JobRunReference>(
            "/jobs/{id}/runs/{run}/cancel", 202, (command, call) => command.ExecuteAsync(NameIn(call.Http), call.Id("run"), call.Caller, call.Idempotency, call.Aborted));
        routes.MapChange<SetJobSchedule, SetJobScheduleRequest, JobView>(
            "PUT", "/jobs/{id}/schedule", (command, call) => command.ExecuteAsync(NameIn(call.Http), call.Request, call.Caller, call.Aborted));
        routes.MapQuery<IncidentPinQueries, IncidentPinList>("/retention/pins", "list", async (pins, http) => await pins.ListAsync(http.RequestAborted));
        routes.MapCommand<PinHistory, PinHistoryRequest, IncidentPinView>("/retention/pins", 201, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapRemoval<PinHistory>("/retention/pins/{id}", (command, call) => command.ReleaseAsync(call.Id(), call.Caller, call.Aborted));
        routes.MapQuery<RetentionQueries, RetentionList>("/retention", "list", async (policies, http) => await policies.ListAsync(http.RequestAborted));
        routes.MapChange<SetRetention, SetRetentionRequest, RetentionView>(
            "PUT", "/retention/{id}", (command, call) => command.ExecuteAsync(NameIn(call.Http), call.Request, call.Caller, call.Aborted));
    }

    private static string NameIn(HttpContext http) => http.GetRouteValue("id")?.ToString() ?? "";
}
