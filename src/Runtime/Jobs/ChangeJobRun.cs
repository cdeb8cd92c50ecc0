using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Ends a run: one that waits at once, one that is under way as soon as its host hears of it.</summary>
public sealed class CancelJobRun(Transactions transactions, RegisteredJobs jobs, TimeProvider time)
{
    /// <summary>Ends it.</summary>
    /// <exception cref="NotFoundException">There is no such run.</exception>
    /// <exception cref="ConflictException">It has ended, or cannot be ended in the middle.</exception>
    public Task<Outcome<JobRunReference>> ExecuteAsync(string job, Guid run, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.CancelJobs);
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var row = await RetryJobRun.FindAsync(unit, job, run, ct);
            if (row.State == JobRunState.Running && jobs.Find(job) is { IsCancellable: false })
            {
                throw new ConflictException(ProblemTypes.InvalidTransition, $"'{job}' cannot be ended in the middle. Pause it, so that it does not begin again.");
            }

            if (row.State is not (JobRunState.Queued or JobRunState.Running))
            {
                throw new ConflictException(ProblemTypes.InvalidTransition, $"Run {run} has ended: it is {row.State.Wire()}.");
            }

            await unit.ExecuteAsync(
                """
                update job_runs set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()), cancel_requested_by = coalesce(cancel_requested_by, @by),
                    state = case when state = 'queued' then 'cancelled' else state end, ended_at = case when state = 'queued' then clock_timestamp() end
                where id = @run
                """,
                ct, ("run", run), ("by", caller.ActorId));
            await AuditLog.WriteAsync(unit, time, "job.run_cancelled", $"job:{job}", new { RunId = run }, ct);
            if (row.State == JobRunState.Queued)
            {
                unit.Record("governor.job_cancelled", ("job", job), new { Job = job, RunId = run, row.Slot, row.Attempt, By = caller.Name });
            }
            else if (row.CancelRequestedAt is null)
            {
                unit.Record("governor.job_cancelling", ("job", job), new { Job = job, RunId = run, By = caller.Name });
            }

            return new JobRunReference(job, run, row.State == JobRunState.Queued ? JobRunState.Cancelled : row.State);
        }, cancellationToken);
    }
}

/// <summary>Tries a run again that did not do what it was for: for the same slot, with what was given along, and without what it has done for good.</summary>
public sealed class RetryJobRun(Transactions transactions, RegisteredJobs jobs, JobSignal signal, TimeProvider time)
{
    /// <summary>Queues the next attempt.</summary>
    /// <exception cref="NotFoundException">There is no such run.</exception>
    /// <exception cref="ConflictException">It is under way, or succeeded.</exception>
    public async Task<Outcome<JobRunReference>> ExecuteAsync(string job, Guid run, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageJobs);
        var outcome = await transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var row = await FindAsync(unit, job, run, ct);
            if (jobs.Find(job) is null || row.State is not (JobRunState.Failed or JobRunState.Cancelled or JobRunState.Missed))
            {
                throw new ConflictException(ProblemTypes.InvalidTransition, $"Run {run} is {row.State.Wire()}. One that failed, was cancelled or was missed can be tried again; any other is run anew.");
            }

            var attempts = await JobRows.AttemptsAsync(unit, row.RootId, ct);
            if (attempts.Newest != row.Attempt)
            {
                throw new ConflictException(ProblemTypes.InvalidTransition, $"Run {run} is attempt {row.Attempt}, and there is an attempt {attempts.Newest} already.");
            }

            var next = new NewRun(Uuid7.New(time), job, row.Slot, JobTrigger.Retry, row.Now)
            {
                RootId = row.RootId, Attempt = row.Attempt + 1, Payload = row.Payload, RequestedBy = caller.ActorId,
            };
            await JobRows.InsertAsync(unit, next, ct);
            await AuditLog.WriteAsync(unit, time, "job.run_retried", $"job:{job}", new { RunId = next.Id, Of = run }, ct);
            unit.Record("governor.job_queued", ("job", job), new { Job = job, RunId = next.Id, RunAt = row.Now, DryRun = false, By = caller.Name });
            return new JobRunReference(job, next.Id, JobRunState.Queued);
        }, cancellationToken);
        signal.Raise();
        return outcome;
    }

    /// <summary>Locks a run of a job.</summary>
    internal static async Task<RunRow> FindAsync(UnitOfWork unit, string job, Guid run, CancellationToken cancellationToken) =>
        await JobRows.LockRunAsync(unit, run, cancellationToken) is { } row && row.Job == job ? row : throw new NotFoundException("run", run.ToString());
}
