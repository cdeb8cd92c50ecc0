using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Jobs;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Sees to it that every job has a trigger, and that the trigger is what its schedule says, whoever changed that on whatever host.</summary>
public sealed class TriggerJobs(
    NpgsqlDataSource database, RegisteredJobs jobs, PlanJobRuns plan, JobSignal signal, TimeProvider time, ILoggerFactory loggers)
    : SupervisedService("job-triggers", time, loggers.CreateLogger<TriggerJobs>()), IActsOutside
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        var applied = await SchedulesAsync(stoppingToken);
        foreach (var job in applied.Keys)
        {
            // What was missed while no host ran is decided at once, not only when the next slot comes.
            await plan.ExecuteAsync(job, stoppingToken);
        }

        await using var engine = await TriggerEngine.StartAsync(database, plan, Time, loggers, stoppingToken);
        await engine.SyncAsync(Parsed(applied), stoppingToken);
        signal.Raise();
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            var schedules = await SchedulesAsync(stoppingToken);
            if (!schedules.SequenceEqual(applied))
            {
                await engine.SyncAsync(Parsed(schedules), stoppingToken);
                applied = schedules;
            }

            Beat(string.Create(CultureInfo.InvariantCulture, $"{applied.Count} jobs are scheduled"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static Dictionary<string, CronSchedule> Parsed(SortedDictionary<string, (string Cron, string TimeZone)> schedules) =>
        schedules.ToDictionary(s => s.Key, s => CronSchedule.Parse(s.Value.Cron, s.Value.TimeZone), StringComparer.Ordinal);

    private async Task<SortedDictionary<string, (string Cron, string TimeZone)>> SchedulesAsync(CancellationToken cancellationToken)
    {
        var schedules = new SortedDictionary<string, (string Cron, string TimeZone)>(StringComparer.Ordinal);
        await using var command = database.CreateCommand("select name, cron, time_zone from jobs where name = any(@jobs) and paused_at is null and cron <> @never");
        command.Parameters.AddWithValue("jobs", jobs.Names);
        command.Parameters.AddWithValue("never", ScheduleWords.OnRequest);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            schedules[reader.GetString(0)] = (reader.GetString(1), reader.GetString(2));
        }

        return schedules;
    }
}

/// <summary>Gives every job of this host its row, with its own schedule where the founder has set none, before anybody can ask for a run of it.</summary>
public sealed class EnsureJobs(Transactions transactions, RegisteredJobs jobs)
{
    // A machine in UTC says so by several names.
    private static string HostZone =>
        TimeZoneInfo.Local is { HasIanaId: true } local && (local.BaseUtcOffset != TimeSpan.Zero || local.SupportsDaylightSavingTime) ? local.Id : "UTC";

    /// <summary>Makes what is missing; changes nothing that is there.</summary>
    public Task ExecuteAsync(CancellationToken cancellationToken) => transactions.RunAsync(Caller.Host, async (unit, ct) =>
    {
        var zone = HostZone;
        foreach (var job in jobs.All)
        {
            await using var now = unit.Command("select clock_timestamp()");
            var next = CronSchedule.Parse(job.DefaultCron, zone).NextAfter(new DateTimeOffset((DateTime)(await now.ExecuteScalarAsync(ct))!, TimeSpan.Zero));
            await unit.ExecuteAsync(
                """
                insert into jobs (name, cron, time_zone, missed_runs, next_slot_at, updated_by) values (@name, @cron, @zone, @missed, @next, @by) on conflict do nothing
                """,
                ct, ("name", job.Name), ("cron", job.DefaultCron), ("zone", zone), ("missed", job.DefaultMissedRuns.Wire()), ("next", next), ("by", unit.Caller.ActorId));
            await unit.ExecuteAsync("insert into job_leases (job) values (@name) on conflict do nothing", ct, ("name", job.Name));
        }

        return true;
    }, cancellationToken);
}
