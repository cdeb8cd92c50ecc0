using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Ends an attempt: its state, its lease, the attempt after it and the event, in one transaction.</summary>
public sealed class EndJobRun(Transactions transactions, RegisteredJobs jobs, JobSignal signal, TimeProvider time)
{
    private const int LongestError = 4_000;

    /// <summary>It did what it was for.</summary>
    internal Task<bool> SucceedAsync(ClaimedRun run, CancellationToken cancellationToken) =>
        EndAsync(run, JobRunState.Succeeded, null, null, cancellationToken);

    /// <summary>Somebody ended it.</summary>
    internal Task<bool> CancelAsync(ClaimedRun run, CancellationToken cancellationToken) =>
        EndAsync(run, JobRunState.Cancelled, null, null, cancellationToken);

    /// <summary>It failed, or was lost.</summary>
    internal Task<bool> FailAsync(ClaimedRun run, AttemptEnd end, string error, CancellationToken cancellationToken) =>
        EndAsync(run, JobRunState.Failed, end, error, cancellationToken);

    /// <summary>Ends, in a transaction that has made sure that it may, an attempt that was lost, and queues the next.</summary>
    internal Task LoseAsync(UnitOfWork unit, ClaimedRun run, string error, CancellationToken cancellationToken) =>
        WriteAsync(unit, run, JobRunState.Failed, AttemptEnd.Lost, error, cancellationToken);

    private async Task<bool> EndAsync(ClaimedRun run, JobRunState state, AttemptEnd? end, string? error, CancellationToken cancellationToken)
    {
        var ended = await transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            // The lease first, as everybody does: whoever takes over has it locked, and has ended this attempt already.
            await using (var lease = unit.Command(
                "select 1 from job_leases where job = @job and run_id = @run and fencing_token = @token for update",
                ("job", run.Job), ("run", run.Id), ("token", run.Token)))
            {
                if (await lease.ExecuteScalarAsync(ct) is null)
                {
                    return false;
                }
            }

            await WriteAsync(unit, run, state, end, error, ct);
            return true;
        }, cancellationToken);
        signal.Raise();
        return ended;
    }

    private async Task WriteAsync(UnitOfWork unit, ClaimedRun run, JobRunState state, AttemptEnd? end, string? error, CancellationToken cancellationToken)
    {
        double seconds;
        bool cancelled;
        await using (var update = unit.Command(
            """
            update job_runs set state = @state, ended_at = clock_timestamp(), error = @error, was_lost = @lost,
                progress = case when @state = 'succeeded' then 100 else progress end
            where id = @run and state = 'running'
            returning extract(epoch from ended_at - started_at)::float8, cancel_requested_at is not null
            """,
            ("run", run.Id), ("state", state.Wire()), ("lost", end == AttemptEnd.Lost),
            ("error", error is { Length: > LongestError } ? string.Concat(error.AsSpan(0, LongestError), "…") : error)))
        {
            await using var reader = await update.ExecuteReaderAsync(cancellationToken);
            if (!await reader.ReadAsync(cancellationToken))
            {
                return;
            }

            (seconds, cancelled) = (reader.GetDouble(0), reader.GetBoolean(1));
        }

        await JobRows.ReleaseAsync(unit, run.Job, run.Id, cancellationToken);
        DateTimeOffset? next = null;
        if (end is { } why && !cancelled)
        {
            next = await QueueNextAsync(unit, run, why, cancellationToken);
        }

        unit.Record(
            $"governor.job_{state.Wire()}", ("job", run.Job),
            new { run.Job, RunId = run.Id, run.Slot, run.Attempt, Seconds = Math.Round(seconds, 3), Error = error, NextAttemptAt = next });
        if (state == JobRunState.Failed && next is null && !cancelled)
        {
            unit.Record("alert.raised", ("job", run.Job), new
            {
                Severity = "warning", Title = $"The job '{jobs.Find(run.Job)?.Title ?? run.Job}' has failed", Detail = error, RunId = run.Id,
                Remedy = "See the run's log; it can be tried again there.",
            });
        }
    }

    private async Task<DateTimeOffset?> QueueNextAsync(UnitOfWork unit, ClaimedRun run, AttemptEnd end, CancellationToken cancellationToken)
    {
        var attempts = await JobRows.AttemptsAsync(unit, run.RootId, cancellationToken);
        if (jobs.Find(run.Job) is not { } job || job.Retries.NextAfter(end, attempts.Failed, attempts.Lost) is not { } wait)
        {
            return null;
        }

        await using var now = unit.Command("select clock_timestamp() + @wait", ("wait", wait));
        var due = new DateTimeOffset((DateTime)(await now.ExecuteScalarAsync(cancellationToken))!, TimeSpan.Zero);
        await JobRows.InsertAsync(
            unit,
            new NewRun(Uuid7.New(time), run.Job, run.Slot, JobTrigger.Retry, due) { RootId = run.RootId, Attempt = attempts.Newest + 1, Payload = run.Payload },
            cancellationToken);
        return due;
    }
}
