using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Quartz;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Quartz, as far as it goes here: it knows when slots come, across hosts and restarts, and calls <see cref="PlanJobRuns"/> for them.</summary>
/// <remarks>Its tables are in the schema <c>quartz</c>. What runs, ran and failed it never learns.</remarks>
internal sealed class TriggerEngine : IAsyncDisposable
{
    private const string Group = "jobs";

    private readonly StandaloneSchedulerFactory _factory;
    private readonly IScheduler _scheduler;

    private TriggerEngine(StandaloneSchedulerFactory factory, IScheduler scheduler) => (_factory, _scheduler) = (factory, scheduler);

    /// <summary>Starts it, on the host's own pool of connections.</summary>
    public static async Task<TriggerEngine> StartAsync(
        NpgsqlDataSource database, PlanJobRuns plan, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        var factory = QuartzSchedulerBuilder.Create(quartz =>
        {
            quartz.Services.AddSingleton(plan);
            quartz.Services.AddSingleton(loggers);
            quartz.ConfigureScheduler(scheduler =>
            {
                scheduler.InstanceName = "control-center";
                scheduler.GenerateInstanceId = true;
            });
            // A call is one short transaction: two at once are plenty, and leave the pool to the host.
            quartz.UseDefaultThreadPool(2);
            quartz.UseTimeProvider(time);
            quartz.UsePersistentStore(store =>
            {
                store.UsePostgres(source => source.DataSourceFactory = _ => database);
                store.ConfigureStore(options => options.TablePrefix = "quartz.qrtz_");
                store.UseClustering();
            });
        }).Build();
        try
        {
            var scheduler = await factory.GetScheduler(cancellationToken);
            await scheduler.Start(cancellationToken);
            return new TriggerEngine(factory, scheduler);
        }
        catch
        {
            await factory.DisposeAsync();
            throw;
        }
    }

    /// <summary>Brings its triggers to what is scheduled: what is as it must be is left alone, what is no job any more goes.</summary>
    /// <returns>How many were not as they must be.</returns>
    public async Task<int> SyncAsync(IReadOnlyDictionary<string, CronSchedule> schedules, CancellationToken cancellationToken)
    {
        var changed = 0;
        foreach (var key in await _scheduler.GetJobKeys(GroupMatcher<JobKey>.GroupEquals(Group), cancellationToken))
        {
            if (!schedules.ContainsKey(key.Name) && await _scheduler.DeleteJob(key, cancellationToken))
            {
                changed++;
            }
        }

        foreach (var (name, schedule) in schedules)
        {
            var key = new TriggerKey(name, Group);
            var expression = schedule.Expression;
            if (await _scheduler.GetTrigger(key, cancellationToken) is ICronTrigger kept
                && kept.CronExpressionString == expression.CronExpressionString && kept.TimeZone.Id == expression.TimeZone.Id
                && await _scheduler.GetTriggerState(key, cancellationToken) == TriggerState.Normal)
            {
                continue;
            }

            var job = JobBuilder.Create<PlanSlot>().WithIdentity(name, Group).Build();
            // However many slots were missed, one call is enough: what becomes of each is decided there.
            var trigger = TriggerBuilder.Create().WithIdentity(key).ForJob(job)
                .WithSchedule(CronScheduleBuilder.Create(expression).WithMisfireInstruction(CronTriggerMisfireInstruction.FireAndProceed))
                .Build();
            await _scheduler.ScheduleJob(job, [trigger], ScheduleJobOptions.Replacing, cancellationToken);
            changed++;
        }

        return changed;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _scheduler.Shutdown(waitForJobsToComplete: true, CancellationToken.None);
        await _factory.DisposeAsync();
    }

    /// <summary>A slot has come.</summary>
    private sealed class PlanSlot(PlanJobRuns plan) : IJob
    {
        public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default) =>
            await plan.ExecuteAsync(context.JobDetail.Key.Name, cancellationToken);
    }
}
