using System.Globalization;
using System.Text.Json;
using ControlCenter.Bus;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Queries;
using ControlCenter.Runtime.Recovery;
using ControlCenter.Runtime.Recovery.Backups;
using ControlCenter.Runtime.Recovery.Drills;
using ControlCenter.Runtime.Recovery.Restore;
using ControlCenter.Runtime.Recovery.Files;
using ControlCenter.Runtime.Recovery.Watching;

namespace ControlCenter.Recovery;

/// <summary>A backup that is to be taken.</summary>
/// <param name="Kind"><c>base</c> unless said, <c>dump</c> or <c>files</c>.</param>
/// <param name="Reason">Why: <c>before migration 42</c>.</param>
/// <param name="Milestone">Held until it is reviewed; for a base.</param>
internal sealed record TakeBackupRequest(string? Kind = null, string? Reason = null, bool Milestone = false);

/// <summary>What is wrong with recovery, the worst first.</summary>
internal sealed record RecoveryProblems(IReadOnlyList<StandingProblem> Items, string? NextCursor);

/// <summary>Backups on the bus.</summary>
internal static class RecoveryEndpoints
{
    public static void MapRecovery(this IEndpointRouteBuilder routes)
    {
        routes.MapQuery<RecoveryQueries, RecoveryState>("/recovery", "state", async (recovery, http) => await recovery.StateAsync(http.RequestAborted));
        routes.MapQuery<RecoveryFiguresQueries, RecoveryFigures>("/recovery/figures", "figures", async (figures, http) => await figures.ReadAsync(http.RequestAborted));
        routes.MapCommand<ReviewMilestone, NoBody, ReviewedMilestone>(
            "/backups/{id}/review", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Caller, call.Idempotency, call.Aborted));
        routes.MapQuery<StorageQueries, StorageState>("/storage", "state", async (storage, http) => await storage.StateAsync(http.RequestAborted));
        routes.MapQuery<RecoveryQueries, RecoveryProblems>("/recovery/problems", "list", async (recovery, http) => new RecoveryProblems(await recovery.ProblemsAsync(http.RequestAborted), null));
        routes.MapQuery<RecoveryQueries, Page<BackupView>>("/backups", "list", async (recovery, http) => await recovery.ListAsync(BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapCommand<RunJobNow, TakeBackupRequest, JobRunReference>("/backups", 202, (command, call) =>
        {
            var request = call.Request;
            new FieldErrors()
                .Add("kind", request.Kind is null or "base" or "dump" or "files" ? null : $"'base', 'dump' or 'files'; '{request.Kind}' was given.")
                .Add("reason", TextRules.OptionalName(request.Reason))
                .ThrowIfAny();
            // Where there is no repository there is no such job, and the answer says so.
            return command.ExecuteAsync(
                request.Kind switch { "dump" => "database-dump", "files" => FilesJob.JobName, _ => "base-backup" },
                new RunJobRequest(Payload: JsonSerializer.SerializeToElement(new { reason = request.Reason, milestone = request.Milestone })),
                call.Caller, call.Idempotency, call.Aborted);
        });
        routes.MapQuery<RestoreQueries, RestorePreview>("/restores/plan", "repository", (restores, http) => restores.PreviewAsync(MomentIn(http), http.RequestAborted));
        routes.MapQuery<RestoreQueries, Page<RestoreView>>("/restores", "list", async (restores, http) => await restores.ListAsync(BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<RestoreQueries, RestoreView>("/restores/{id}", "restore", (restores, http) => restores.FindAsync(BusRoutes.IdIn(http), http.RequestAborted));
        routes.MapCommand<RequestRestore, RestoreRequest, RestoreReference>(
            "/restores", 202, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<ReplaceDatabase, ReplaceRequest, RestoreReference>(
            "/restores/{id}/replace", 202, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapRemoval<RemoveRestore>("/restores/{id}", (command, call) => command.ExecuteAsync(call.Id(), call.Caller, call.Aborted));
        MapDrills(routes);
    }

    private static void MapDrills(IEndpointRouteBuilder routes)
    {
        routes.MapQuery<DrillQueries, Page<RestoreDrillView>>("/restore-drills", "list", async (drills, http) =>
            await drills.ListAsync(BusRoutes.OptionalWord<DrillScenario>(http, "scenario"), BusRoutes.PageIn(http), http.RequestAborted));
        routes.MapQuery<DrillQueries, DrillOverview>("/restore-drills/overview", "overview", async (drills, http) => await drills.OverviewAsync(http.RequestAborted));
        routes.MapQuery<DrillQueries, RestoreDrillStory>("/restore-drills/{id}", "drill", (drills, http) => drills.FindAsync(BusRoutes.IdIn(http), http.RequestAborted));
        routes.MapCommand<RequestDrill, RequestDrillRequest, JobRunReference>(
            "/restore-drills", 202, (command, call) => command.ExecuteAsync(call.Request, call.Caller, call.Idempotency, call.Aborted));
        routes.MapCommand<RecordRootCause, RecordRootCauseRequest, RestoreDrillView>(
            "/restore-drills/{id}/root-cause", 200, (command, call) => command.ExecuteAsync(call.Id(), call.Request, call.Caller, call.Idempotency, call.Aborted));
    }

    private static DateTimeOffset? MomentIn(HttpContext http)
    {
        var text = http.Request.Query["to"].ToString();
        return text.Length == 0 ? null
            : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at.ToUniversalTime()
            : throw new ValidationException("to", $"A time such as 2026-03-30T14:30:00Z; '{text}' was given.");
    }
}
