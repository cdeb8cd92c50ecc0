using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Hosting;

/// <summary>
/// The one way in which background work runs: its start, stop and faults are logged, a fault restarts it with backoff,
/// its last sign of life is there for health, and each finished cycle is a signal that tests can wait for.
/// </summary>
public abstract partial class SupervisedService(string name, TimeProvider time, ILogger logger) : BackgroundService
{
    // A fault that stays (no database) is retried at a pace that neither floods the log nor keeps a founder waiting.
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private TaskCompletionSource _cycle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ServiceReading _reading = new(name, ServiceCondition.Starting, "has not run yet", time.GetTimestamp(), 0);

    /// <summary>What the service does, as a noun: <c>lease-sweeper</c>.</summary>
    public string Name { get; } = name;

    /// <summary>The last sign of life.</summary>
    public ServiceReading Reading
    {
        get
        {
            lock (_gate)
            {
                return _reading;
            }
        }
    }

    /// <summary>How old <see cref="Reading"/> may grow before the service counts as silent.</summary>
    public virtual TimeSpan SilentAfter => TimeSpan.FromSeconds(15);

    /// <summary>The clock.</summary>
    protected TimeProvider Time { get; } = time;

    /// <summary>The service's own log.</summary>
    protected ILogger Logger { get; } = logger;

    /// <summary>Ends when the next cycle has ended well. Take it before causing what is to be waited for.</summary>
    public Task NextCycleAsync()
    {
        lock (_gate)
        {
            return _cycle.Task;
        }
    }

    /// <summary>The work: runs until <paramref name="stoppingToken"/>, calling <see cref="Beat"/> after each cycle. May throw: it is then started again.</summary>
    protected abstract Task RunAsync(CancellationToken stoppingToken);

    /// <summary>Says that a cycle has ended well.</summary>
    /// <param name="detail">What is worth knowing, for a human: <c>3 leases expired</c>.</param>
    protected void Beat(string detail) => Record(ServiceCondition.Running, detail, ended: true);

    /// <summary>Waits between a fault and the next start: for so long, or until there is a reason to believe that it will go better.</summary>
    protected virtual Task BackOffAsync(TimeSpan delay, CancellationToken stoppingToken) => Task.Delay(delay, Time, stoppingToken);

    /// <inheritdoc />
    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        LogStarted(Logger, Name);
        var backoff = FirstBackoff;
        while (!stoppingToken.IsCancellationRequested)
        {
            var startedAt = Time.GetTimestamp();
            try
            {
                await RunAsync(stoppingToken);
                break;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
#pragma warning disable CA1031 // The supervisor's purpose: whatever the fault, it is logged, shown by health and tried again.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                // A run that lasted was healthy: its fault is a new one.
                backoff = Time.GetElapsedTime(startedAt) > LongestBackoff ? FirstBackoff : backoff;
                Record(ServiceCondition.Faulted, $"faulted, restarts in {backoff.TotalSeconds:0.#} s: {fault.GetType().Name}", ended: false);
                LogFaulted(Logger, Name, backoff.TotalSeconds, fault);
                await BackOffAsync(backoff, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                backoff = backoff * 2 > LongestBackoff ? LongestBackoff : backoff * 2;
            }
        }

        Record(ServiceCondition.Stopped, "stopped", ended: false);
        LogStopped(Logger, Name);
    }

    private void Record(ServiceCondition condition, string detail, bool ended)
    {
        TaskCompletionSource? finished = null;
        lock (_gate)
        {
            var faults = _reading.Faults + (condition == ServiceCondition.Faulted ? 1 : 0);
            _reading = new ServiceReading(Name, condition, detail, Time.GetTimestamp(), faults);
            if (ended)
            {
                finished = _cycle;
                _cycle = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        finished?.SetResult();
    }

    [LoggerMessage(EventId = 1000, Level = LogLevel.Debug, Message = "{Service} started")]
    private static partial void LogStarted(ILogger logger, string service);

    [LoggerMessage(EventId = 1001, Level = LogLevel.Debug, Message = "{Service} stopped")]
    private static partial void LogStopped(ILogger logger, string service);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Error, Message = "{Service} faulted; it starts again in {BackoffSeconds} s")]
    private static partial void LogFaulted(ILogger logger, string service, double backoffSeconds, Exception fault);
}

/// <summary>What a service was last seen doing.</summary>
public enum ServiceCondition
{
    /// <summary>Not run yet.</summary>
    Starting,

    /// <summary>Its last cycle ended well.</summary>
    Running,

    /// <summary>It faulted and waits to be started again.</summary>
    Faulted,

    /// <summary>It was asked to stop and did.</summary>
    Stopped,
}

/// <summary>A service's last sign of life.</summary>
/// <param name="Name">Which service.</param>
/// <param name="Condition">What it was doing.</param>
/// <param name="Detail">In words.</param>
/// <param name="SeenAt">When that was seen: a timestamp of the host's clock, so that its age is right when the clock is set.</param>
/// <param name="Faults">How often it has faulted since the host started.</param>
public sealed record ServiceReading(string Name, ServiceCondition Condition, string Detail, long SeenAt, int Faults);
