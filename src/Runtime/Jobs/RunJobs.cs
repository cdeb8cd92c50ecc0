using System.Collections.Concurrent;
using System.Globalization;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Runs what is due: takes over what dead hosts held, takes runs, has them executed beside each other, and ends them.</summary>
public sealed partial class RunJobs(
    NpgsqlDataSource database, RegisteredJobs jobs, PlanJobRuns plan, RecoverJobRuns recover, ClaimJobRun claim, ExecuteJobRun execute, JobSignal signal,
    JobOptions options, TimeProvider time, ILogger<RunJobs> logger)
    : SupervisedService("job-runs", time, logger), IActsOutside
{
    // The engine that triggers had its chance by then: it is down, or this host's clock is behind.
    private static readonly TimeSpan Overdue = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<Guid, Task> _running = new();

    /// <summary>What this host is running.</summary>
    public IReadOnlyCollection<Task> Running => [.. _running.Values];

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                var next = signal.Next;
                await LookAsync(stoppingToken);
                Beat(_running.IsEmpty ? "nothing is due" : string.Create(CultureInfo.InvariantCulture, $"{_running.Count} running"));
                await next.WaitAsync(options.LookEvery, Time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                stoppingToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            // Each was told by the same token, and gives its job back, so that another host need not wait for its lease.
            await Task.WhenAll(_running.Values);
        }
    }

    /// <summary>Looks once: what is due is running, or was refused for want of room, when this has ended.</summary>
    public async Task LookAsync(CancellationToken stoppingToken)
    {
        foreach (var job in await OverdueAsync(stoppingToken))
        {
            await plan.ExecuteAsync(job, stoppingToken);
        }

        await recover.ExecuteAsync(stoppingToken);
        while (_running.Count < options.MostAtOnce && await claim.ExecuteAsync(stoppingToken) is { } run)
        {
            Begin(run, stoppingToken);
        }
    }

    private void Begin(ClaimedRun run, CancellationToken stoppingToken)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _running[run.Id] = done.Task;
        _ = Task.Run(
            async () =>
            {
                try
                {
                    await execute.ExecuteAsync(run, stoppingToken);
                }
#pragma warning disable CA1031 // What cannot be written now (no database) is found by the lease that runs out.
                catch (Exception fault)
#pragma warning restore CA1031
                {
                    LogNotEnded(Logger, run.Job, run.Id, fault);
                }
                finally
                {
                    _running.TryRemove(run.Id, out _);
                    done.SetResult();
                    signal.Raise();
                }
            },
            CancellationToken.None);
    }

    private async Task<List<string>> OverdueAsync(CancellationToken cancellationToken)
    {
        var overdue = new List<string>();
        await using var command = database.CreateCommand("select name from jobs where name = any(@jobs) and paused_at is null and next_slot_at <= clock_timestamp() - @overdue");
        command.Parameters.AddWithValue("jobs", jobs.Names);
        command.Parameters.AddWithValue("overdue", Overdue);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            overdue.Add(reader.GetString(0));
        }

        return overdue;
    }

    [LoggerMessage(EventId = 1701, Level = LogLevel.Error, Message = "The end of {Job}'s run {Run} could not be written; its lease will run out")]
    private static partial void LogNotEnded(ILogger logger, string job, Guid run, Exception fault);
}
