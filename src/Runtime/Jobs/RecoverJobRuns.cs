using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Takes jobs from hosts that are no longer heard of: their attempts are lost, and the next attempt of each is queued.</summary>
public sealed class RecoverJobRuns(Transactions transactions, RegisteredJobs jobs, EndJobRun end, JobSignal signal)
{
    /// <summary>Looks for leases whose time is over.</summary>
    /// <returns>How many there were.</returns>
    internal async Task<int> ExecuteAsync(CancellationToken cancellationToken)
    {
        var lost = await transactions.RunAsync(Caller.Host, RecoverAsync, cancellationToken);
        if (lost > 0)
        {
            signal.Raise();
        }

        return lost;
    }

    private async Task<int> RecoverAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        var lost = new List<(ClaimedRun Run, string Holder)>();
        await using (var command = unit.Command(
            """
            select r.id, r.root_id, r.job, r.slot, r.attempt, l.fencing_token, r.payload, l.holder_name
            from job_leases l join job_runs r on r.id = l.run_id
            where l.expires_at <= clock_timestamp() and l.job = any(@jobs) for update of l skip locked
            """,
            ("jobs", jobs.Names)))
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                lost.Add((
                    new ClaimedRun(
                        reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.GetFieldValue<DateTimeOffset>(3), reader.GetInt32(4), reader.GetInt64(5),
                        reader.JsonOrNull(6)),
                    reader.GetString(7)));
            }
        }

        foreach (var (run, holder) in lost)
        {
            await end.LoseAsync(unit, run, $"Its host {holder} was no longer heard of: the lease ran out.", cancellationToken);
        }

        return lost.Count;
    }
}
