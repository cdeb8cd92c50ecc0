using ControlCenter.Domain.Access;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Jobs;

/// <summary>When a job is to run.</summary>
/// <param name="Cron">A cron expression of five fields: minute, hour, day of the month, month, day of the week.</param>
/// <param name="TimeZone">The time zone that it is meant in: an IANA name.</param>
/// <param name="MissedRuns">What becomes of the slots that passed while no host ran.</param>
public sealed record SetJobScheduleRequest(string Cron, string TimeZone, MissedRuns MissedRuns);

/// <summary>Sets when a job runs: a policy that takes effect from now on.</summary>
public sealed class SetJobSchedule(Transactions transactions, RegisteredJobs jobs, JobQueries queries, TimeProvider time)
{
    /// <summary>Sets it.</summary>
    /// <exception cref="NotFoundException">There is no such job.</exception>
    /// <exception cref="ValidationException">It is no schedule.</exception>
    public async Task<JobView> ExecuteAsync(string name, SetJobScheduleRequest request, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageJobs);
        if (jobs.Find(name) is null)
        {
            throw new NotFoundException("job", name);
        }

        var (cron, zone) = (request.Cron?.Trim() ?? "", request.TimeZone?.Trim() ?? "");
        new FieldErrors().Add("cron", CronSchedule.Problem(cron, time.GetUtcNow())).Add("time_zone", CronSchedule.ZoneProblem(zone)).ThrowIfAny();
        await transactions.RunAsync(caller, async (unit, ct) =>
        {
            var row = await JobRows.LockAsync(unit, name, ct) ?? throw new NotFoundException("job", name);
            await unit.ExecuteAsync(
                "update jobs set cron = @cron, time_zone = @zone, missed_runs = @missed, updated_at = clock_timestamp(), updated_by = @by where name = @name",
                ct, ("name", name), ("cron", cron), ("zone", zone), ("missed", request.MissedRuns.Wire()), ("by", caller.ActorId));
            await PlanJobRuns.StartFromNowAsync(unit, name, CronSchedule.Parse(cron, zone), row.Now, ct);
            await AuditLog.WriteAsync(
                unit, time, "job.schedule_set", $"job:{name}",
                new { Cron = ChangeOf(row.Cron, cron), TimeZone = ChangeOf(row.TimeZone, zone), MissedRuns = ChangeOf(row.MissedRuns.Wire(), request.MissedRuns.Wire()) }, ct);
            unit.Record("governor.job_scheduled", ("job", name), new { Job = name, Cron = cron, TimeZone = zone, request.MissedRuns, By = caller.Name });
            return true;
        }, cancellationToken);
        return await queries.FindAsync(name, cancellationToken) ?? throw new NotFoundException("job", name);
    }

    private static string ChangeOf(string before, string after) => before == after ? after : $"{before} → {after}";
}

/// <summary>Pauses a job: its slots pass, and neither run nor count as missed. A run that is under way goes on.</summary>
public sealed class PauseJob(Transactions transactions, RegisteredJobs jobs, JobQueries queries, TimeProvider time)
{
    /// <summary>Pauses it.</summary>
    /// <exception cref="NotFoundException">There is no such job.</exception>
    /// <exception cref="ConflictException">It is paused.</exception>
    public Task<Outcome<JobView>> PauseAsync(string name, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken) =>
        ChangeAsync(name, pause: true, caller, idempotency, cancellationToken);

    /// <summary>Has it run again, from its next slot on.</summary>
    /// <exception cref="NotFoundException">There is no such job.</exception>
    /// <exception cref="ConflictException">It is not paused.</exception>
    public Task<Outcome<JobView>> ResumeAsync(string name, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken) =>
        ChangeAsync(name, pause: false, caller, idempotency, cancellationToken);

    private Task<Outcome<JobView>> ChangeAsync(string name, bool pause, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageJobs);
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var row = jobs.Find(name) is null ? null : await JobRows.LockAsync(unit, name, ct);
            if (row is null)
            {
                throw new NotFoundException("job", name);
            }

            if (row.IsPaused == pause)
            {
                throw new ConflictException(ProblemTypes.InvalidTransition, pause ? $"'{name}' is paused already." : $"'{name}' is not paused.");
            }

            await unit.ExecuteAsync(
                "update jobs set paused_at = case when @pause then clock_timestamp() end, paused_by = case when @pause then @by end where name = @name",
                ct, ("name", name), ("pause", pause), ("by", caller.ActorId));
            await PlanJobRuns.StartFromNowAsync(unit, name, CronSchedule.Parse(row.Cron, row.TimeZone), row.Now, ct);
            var what = pause ? "paused" : "resumed";
            await AuditLog.WriteAsync(unit, time, $"job.{what}", $"job:{name}", new { Job = name }, ct);
            unit.Record($"governor.job_{what}", ("job", name), new { Job = name, By = caller.Name });
            return await queries.FindAsync(unit.Connection, name, ct) ?? throw new NotFoundException("job", name);
        }, cancellationToken);
    }
}
