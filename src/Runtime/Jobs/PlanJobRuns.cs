using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Decides about the slots whose time has come, each once and for all: it has a run from then on, or was missed.</summary>
/// <remarks>
/// By the database's clock, and in line behind whoever decides for the same job: called early, late, twice or by two hosts at once, it
/// comes to the same.
/// </remarks>
public sealed partial class PlanJobRuns(Transactions transactions, JobSignal signal, TimeProvider time, ILogger<PlanJobRuns> logger)
{
    /// <summary>Decides about one job's slots.</summary>
    /// <returns>How many runs are new.</returns>
    public async Task<int> ExecuteAsync(string job, CancellationToken cancellationToken)
    {
        var planned = await transactions.RunAsync(Caller.Host, (unit, ct) => PlanAsync(unit, job, ct), cancellationToken);
        if (planned > 0)
        {
            signal.Raise();
        }

        return planned;
    }

    /// <summary>Notes from when on slots are decided about, after a schedule was set or taken up again.</summary>
    internal static Task StartFromNowAsync(UnitOfWork unit, string job, CronSchedule schedule, DateTimeOffset now, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            "update jobs set planned_through = @now, next_slot_at = @next where name = @job",
            cancellationToken, ("job", job), ("now", now), ("next", schedule.NextAfter(now)));

    private async Task<int> PlanAsync(UnitOfWork unit, string job, CancellationToken cancellationToken)
    {
        if (await JobRows.LockAsync(unit, job, cancellationToken) is not { } row)
        {
            return 0;
        }

        var schedule = CronSchedule.Parse(row.Cron, row.TimeZone);
        var due = row.IsPaused ? [] : schedule.Between(row.PlannedThrough, row.Now);
        await StartFromNowAsync(unit, job, schedule, row.Now, cancellationToken);
        if (due.Count == 0)
        {
            return 0;
        }

        var slots = MissedRunRules.Decide(due, row.Now, row.MissedRuns);
        if (row.HasWaiting && row.MissedRuns != MissedRuns.RunAll)
        {
            // One that waits already stands for this slot too: a job that is slower than its schedule must not gather a queue.
            slots = slots with { Slots = [.. slots.Slots.Select(s => s with { IsRun = false })] };
        }

        foreach (var slot in slots.Slots)
        {
            await JobRows.InsertAsync(
                unit, new NewRun(Uuid7.New(time), job, slot.At, JobTrigger.Schedule, slot.At) { IsMissed = !slot.IsRun }, cancellationToken);
        }

        if (slots.Missed > 0)
        {
            LogMissed(logger, job, slots.Missed, row.MissedRuns.Wire());
            unit.Record("governor.job_missed", ("job", job), new { Job = job, slots.Missed, Policy = row.MissedRuns, From = due[0], Through = due[^1] });
        }

        return slots.Slots.Count - slots.Slots.Count(s => !s.IsRun);
    }

    [LoggerMessage(EventId = 1700, Level = LogLevel.Warning, Message = "{Job} has missed {Count} slots; its policy is {Policy}")]
    private static partial void LogMissed(ILogger logger, string job, int count, string policy);
}

/// <summary>Wakes this host's runner when there is something to run.</summary>
public sealed class JobSignal
{
    private TaskCompletionSource _raised = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends at the next <see cref="Raise"/>.</summary>
    public Task Next => Volatile.Read(ref _raised).Task;

    /// <summary>There is something.</summary>
    public void Raise() => Interlocked.Exchange(ref _raised, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
}
