using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Takes the next run that is due, with its job's lease: one run of a job at a time, whatever host asks.</summary>
public sealed class ClaimJobRun(Transactions transactions, RegisteredJobs jobs, JobHolder holder, JobOptions options)
{
    /// <summary>Takes one; null where none is due, or each that is waits for another run of its job.</summary>
    internal Task<ClaimedRun?> ExecuteAsync(CancellationToken cancellationToken) =>
        transactions.RunAsync(Caller.Host, ClaimAsync, cancellationToken);

    private async Task<ClaimedRun?> ClaimAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        ClaimedRun claimed;
        string trigger;
        await using (var command = unit.Command(
            """
            with due as (
                select r.id, r.job, r.slot from job_runs r join job_leases l on l.job = r.job join jobs j on j.name = r.job
                where r.state = 'queued' and r.due_at <= clock_timestamp() and r.job = any(@jobs) and l.run_id is null
                    -- A job that is paused runs only when somebody asks for it.
                    and (j.paused_at is null or r.requested_by is not null)
                order by r.due_at, r.id limit 1 for update of r, l skip locked
            ), leased as (
                update job_leases l set run_id = due.id, slot = due.slot, holder_id = @holder, holder_name = @name, fencing_token = l.fencing_token + 1,
                    taken_at = clock_timestamp(), expires_at = clock_timestamp() + @lease
                from due where l.job = due.job returning l.run_id, l.fencing_token
            )
            update job_runs r set state = 'running', started_at = clock_timestamp(), holder_id = @holder, holder_name = @name, fencing_token = leased.fencing_token
            from leased where r.id = leased.run_id
            returning r.id, r.root_id, r.job, r.slot, r.attempt, r.fencing_token, r.payload, r.trigger
            """,
            ("jobs", jobs.Names), ("holder", holder.Id), ("name", holder.Name), ("lease", options.Lease)))
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            if (!await reader.ReadAsync(cancellationToken))
            {
                return null;
            }

            claimed = new ClaimedRun(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.GetFieldValue<DateTimeOffset>(3), reader.GetInt32(4), reader.GetInt64(5), reader.JsonOrNull(6));
            trigger = reader.GetString(7);
        }

        unit.Record("governor.job_started", ("job", claimed.Job), new
        {
            claimed.Job, RunId = claimed.Id, claimed.Slot, claimed.Attempt, FencingToken = claimed.Token, Trigger = trigger, Holder = holder.Name,
        });
        return claimed;
    }
}

/// <summary>Says for a run that its host is there.</summary>
public sealed class RenewJobLease(Npgsql.NpgsqlDataSource database, JobOptions options)
{
    /// <summary>Renews it.</summary>
    /// <returns>Whether the run still has its job, and who wants it ended.</returns>
    internal async Task<(bool IsHeld, bool IsCancelled)> ExecuteAsync(ClaimedRun run, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            with held as (
                update job_leases set expires_at = clock_timestamp() + @lease
                where job = @job and run_id = @run and fencing_token = @token and expires_at > clock_timestamp() returning 1
            )
            select exists (select from held), cancel_requested_at is not null from job_runs where id = @run
            """);
        command.Parameters.AddWithValue("job", run.Job);
        command.Parameters.AddWithValue("run", run.Id);
        command.Parameters.AddWithValue("token", run.Token);
        command.Parameters.AddWithValue("lease", options.Lease);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? (reader.GetBoolean(0), reader.GetBoolean(1)) : (false, false);
    }
}
