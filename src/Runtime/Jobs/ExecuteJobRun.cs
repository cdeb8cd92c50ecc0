using ControlCenter.Domain.Jobs;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Jobs;

/// <summary>Executes one run under its lease: renews it, ends it in time, and writes down how it ended.</summary>
public sealed partial class ExecuteJobRun(
    NpgsqlDataSource database, RegisteredJobs jobs, RenewJobLease renew, EndJobRun end, JobOptions options, TimeProvider time, ILogger<ExecuteJobRun> logger)
{
    // A job that was told to end and does not is given up: its lease goes back, and what it writes later is refused by its token.
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(15);

    private enum Told
    {
        Nothing,
        Cancelled,
        TimedOut,
        Lost,
        Stopping,
    }

    /// <summary>Executes it.</summary>
    internal async Task ExecuteAsync(ClaimedRun claimed, CancellationToken stoppingToken)
    {
        var job = jobs.Find(claimed.Job)!;
        var told = new Ending(stoppingToken);
        using (told)
        {
            using var timeout = time.CreateTimer(_ => told.Tell(Told.TimedOut), null, job.Timeout, Timeout.InfiniteTimeSpan);
            using var renewing = new CancellationTokenSource();
            var renewal = RenewAsync(claimed, told, renewing.Token);
            var fault = await FaultOfAsync(job, new JobRun(database, claimed), told);
            await renewing.CancelAsync();
            await renewal;

            // Written even while the host stops: until then nobody else may have the job.
            await WriteAsync(claimed, job, told.Why, fault);
        }
    }

    private async Task<Exception?> FaultOfAsync(Job job, JobRun run, Ending told)
    {
        using var givenUp = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        await using var patience = told.Token.Register(() => givenUp.CancelAfter(EndPatience));
        try
        {
            await job.ExecuteAsync(run, told.Token).WaitAsync(givenUp.Token);
            return null;
        }
#pragma warning disable CA1031 // Whatever a job throws is its failure: written with the run, retried, told.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            return fault;
        }
    }

    private Task WriteAsync(ClaimedRun run, Job job, Told told, Exception? fault)
    {
        switch (told, fault)
        {
            case (Told.Lost, _):
                LogLost(logger, run.Job, run.Id, run.Token);
                return Task.CompletedTask;
            case (_, null):
                return end.SucceedAsync(run, CancellationToken.None);
            case (Told.Cancelled, _):
                return end.CancelAsync(run, CancellationToken.None);
            case (Told.Stopping, _):
                return end.FailAsync(run, AttemptEnd.Lost, "Its host was stopped in the middle of it.", CancellationToken.None);
            case (Told.TimedOut, _):
                return end.FailAsync(run, AttemptEnd.Failed, $"It did not end within {job.Timeout:g}.", CancellationToken.None);
            case (_, JobRefusedException):
                return end.FailAsync(run, AttemptEnd.Refused, fault.Message, CancellationToken.None);
            default:
                LogFailed(logger, run.Job, run.Id, run.Attempt, fault!);
                return end.FailAsync(run, AttemptEnd.Failed, $"{fault!.GetType().Name}: {fault.Message}", CancellationToken.None);
        }
    }

    private async Task RenewAsync(ClaimedRun run, Ending told, CancellationToken cancellationToken)
    {
        // By the host's own stopwatch, begun before the database's: a database that is away is waited for until the lease is surely over.
        var heldSince = time.GetTimestamp();
        using var timer = new PeriodicTimer(options.RenewEvery, time);
        while (await NextAsync(timer, cancellationToken))
        {
            var asked = time.GetTimestamp();
            try
            {
                var (isHeld, isCancelled) = await renew.ExecuteAsync(run, cancellationToken);
                heldSince = asked;
                if (!isHeld)
                {
                    told.Tell(Told.Lost);
                    return;
                }

                if (isCancelled)
                {
                    told.Tell(Told.Cancelled);
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (NpgsqlException fault)
            {
                LogNotRenewed(logger, run.Job, run.Id, fault);
                if (time.GetElapsedTime(heldSince) > options.Lease)
                {
                    told.Tell(Told.Lost);
                    return;
                }
            }
        }
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken cancellationToken)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    [LoggerMessage(EventId = 1702, Level = LogLevel.Warning, Message = "{Job}'s run {Run} lost its lease (fencing token {Token}); what it did after that was refused")]
    private static partial void LogLost(ILogger logger, string job, Guid run, long token);

    [LoggerMessage(EventId = 1703, Level = LogLevel.Error, Message = "{Job}'s run {Run} failed in attempt {Attempt}")]
    private static partial void LogFailed(ILogger logger, string job, Guid run, int attempt, Exception fault);

    [LoggerMessage(EventId = 1704, Level = LogLevel.Warning, Message = "The lease of {Job}'s run {Run} could not be renewed; it is tried again")]
    private static partial void LogNotRenewed(ILogger logger, string job, Guid run, Exception fault);

    /// <summary>Why a run is to end: whoever says so first is right.</summary>
    private sealed class Ending : IDisposable
    {
        private readonly CancellationTokenSource _source = new();
        private readonly CancellationTokenRegistration _stopping;
        private int _why;

        public Ending(CancellationToken stoppingToken) => _stopping = stoppingToken.Register(() => Tell(Told.Stopping));

        public CancellationToken Token => _source.Token;

        public Told Why => (Told)Volatile.Read(ref _why);

        public void Tell(Told why)
        {
            // Lost goes before all: whoever has lost its lease writes nothing.
            if (Interlocked.CompareExchange(ref _why, (int)why, (int)Told.Nothing) != (int)Told.Nothing && why == Told.Lost)
            {
                Volatile.Write(ref _why, (int)why);
            }

            try
            {
                _source.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It has ended by itself meanwhile.
            }
        }

        public void Dispose()
        {
            _stopping.Dispose();
            _source.Dispose();
        }
    }
}
