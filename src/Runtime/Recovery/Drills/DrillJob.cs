using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Jobs;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>Holds a drill at its times.</summary>
public sealed class DrillJob(DrillSchedule schedule, RunDrill drill) : Job
{
    /// <inheritdoc />
    public override string Name => schedule.JobName;

    /// <inheritdoc />
    public override string Title => schedule.Title;

    /// <inheritdoc />
    public override string Description => schedule.Description;

    /// <inheritdoc />
    public override string DefaultCron => schedule.Cron;

    /// <inheritdoc />
    public override MissedRuns DefaultMissedRuns => MissedRuns.RunOnce;

    /// <summary>A drill that failed is a finding, and another attempt would hide it.</summary>
    public override RetryRules Retries => new(0, TimeSpan.FromMinutes(1));

    /// <summary>Far beyond the 30 minutes that it may take: one that takes longer has failed by its own record.</summary>
    public override TimeSpan Timeout => TimeSpan.FromHours(4);

    /// <inheritdoc />
    public override async Task ExecuteAsync(JobRun run, CancellationToken cancellationToken)
    {
        RestoreDrillView record;
        try
        {
            record = await drill.ExecuteAsync(schedule.Scenario, schedule.IsSample, "control-center", run, cancellationToken);
        }
        catch (ConflictException waits)
        {
            throw new JobRefusedException(waits.Message);
        }

        cancellationToken.ThrowIfCancellationRequested();
        await run.ProgressAsync(100, record.Problem ?? "proven", cancellationToken);
        if (record.State is DrillState.Failed or DrillState.BrokenOff)
        {
            throw new JobRefusedException(record.Problem ?? "It has not passed.");
        }
    }
}
