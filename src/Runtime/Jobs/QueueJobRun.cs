using System.Text.Json;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Queues a run of a job in the transaction of what it is for: the one is not there without the other.</summary>
public sealed class QueueJobRun(RegisteredJobs jobs, JobSignal signal, TimeProvider time)
{
    /// <summary>Whether this host has such a job.</summary>
    public bool Has(string job) => jobs.Find(job) is not null;

    /// <summary>Queues it, to run now.</summary>
    /// <returns>The run's id.</returns>
    /// <exception cref="NotFoundException">There is no such job.</exception>
    public async Task<Guid> WithinAsync(UnitOfWork unit, string job, JsonElement? payload, CancellationToken cancellationToken)
    {
        var row = jobs.Find(job) is null ? null : await JobRows.LockAsync(unit, job, cancellationToken);
        if (row is null)
        {
            throw new NotFoundException("job", job);
        }

        var run = new NewRun(Uuid7.New(time), job, row.Now, JobTrigger.Manual, row.Now) { Payload = payload, RequestedBy = unit.Caller.ActorId };
        await JobRows.InsertAsync(unit, run, cancellationToken);
        unit.Record("governor.job_queued", ("job", job), new { Job = job, RunId = run.Id, RunAt = row.Now, DryRun = false, By = unit.Caller.Name });
        return run.Id;
    }

    /// <summary>The transaction is committed: this host looks at once.</summary>
    public void Wake() => signal.Raise();
}
