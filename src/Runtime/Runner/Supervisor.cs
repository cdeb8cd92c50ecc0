using System.Collections.Concurrent;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Adapters;
using ControlCenter.Runtime.Runner.Output;
using ControlCenter.Runtime.Runner.Processes;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Runner;

/// <summary>Runs agents on this machine: starts them, looks at them, ends them, and finds them again after its own death.</summary>
internal sealed partial class Supervisor : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Guid, AgentRun> _runs = [];
    private readonly ConcurrentDictionary<Guid, RuntimeObservation> _starting = [];
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly CancellationTokenSource _stopping = new();
    private readonly RunnerFolder _folder;
    private readonly RunnerOptions _options;
    private readonly RunnerParts _parts;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly OutputPump _pump;
    private readonly RunSurroundings _around;
    private readonly ProcessForest _forest = new();
    private readonly Lock _forestGate = new();
    private long _soonest = long.MaxValue;
    private Task _loop = Task.CompletedTask;
    private TaskCompletionSource _looked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Supervisor(RunnerFolder folder, RunnerOptions options, RunnerParts parts, ILogger logger, TimeProvider time)
    {
        (_folder, _options, _parts, _logger, _time) = (folder, options, parts, logger, time);
        _pump = new OutputPump(folder.Bell, Wake, time);
        _around = new RunSurroundings(options, parts, _forest, _pump, time) { Wake = Wake, WakeIn = WakeIn, Changed = Changed, Save = Save };
    }

    /// <summary>Ends when something has happened that the bus is to hear at once. Take it before looking.</summary>
    public Task NextChange => Volatile.Read(ref _changed).Task;

    /// <summary>Ends when everything has been looked at once more.</summary>
    public Task NextLook => Volatile.Read(ref _looked).Task;

    /// <summary>All that is known.</summary>
    public ICollection<AgentRun> Runs => _runs.Values;

    /// <summary>Takes up the folder, and with it everything that an earlier runner has left running.</summary>
    public static Supervisor Open(RunnerFolder folder, RunnerOptions options, RunnerParts parts, ILogger logger, TimeProvider time)
    {
        Shim.Write(folder.ShimScript);
        AgentOutput.Rehearse(folder.Rehearsal, parts.Redactor, time);
        var supervisor = new Supervisor(folder, options, parts, logger, time);
        foreach (var left in folder.Runtimes())
        {
            supervisor.TakeUp(left);
        }

        supervisor._loop = Task.Run(supervisor.RunAsync);
        return supervisor;
    }

    /// <summary>Whether a runtime is known here: running, being started, or ended and not yet forgotten.</summary>
    public bool Knows(Guid runtimeId) => _runs.ContainsKey(runtimeId) || _starting.ContainsKey(runtimeId);

    /// <summary>The one of an id.</summary>
    public AgentRun? Find(Guid runtimeId) => _runs.GetValueOrDefault(runtimeId);

    /// <summary>All that is known, as it is told to the bus.</summary>
    public IReadOnlyList<RuntimeObservation> Observe() => [.. _runs.Values.Select(run => run.Observe()), .. _starting.Values.Where(s => !_runs.ContainsKey(s.RuntimeId))];

    /// <summary>Says that a runtime is being started: it is told to the bus as such until <see cref="StartAsync"/> has an outcome.</summary>
    public void Announce(Guid runtimeId, long fencingToken) =>
        _starting[runtimeId] = new RuntimeObservation(runtimeId, fencingToken, RuntimePhase.Granted);

    /// <summary>Takes back an announcement: it is not started after all.</summary>
    public void Withdraw(Guid runtimeId) => _starting.TryRemove(runtimeId, out _);

    /// <summary>Asks for a report.</summary>
    public void Nudge() => Changed();

    /// <summary>Starts a runtime. One that cannot be started is known from then on as ended, with the reason.</summary>
    /// <param name="start">What to start.</param>
    /// <param name="bus">The bus's address as reached from here.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task StartAsync(StartPackage start, Uri bus, CancellationToken cancellationToken)
    {
        var folder = _folder.Of(start.RuntimeId);
        var state = new RuntimeState
        {
            RuntimeId = start.RuntimeId, FencingToken = start.FencingToken, Adapter = start.Definition.Adapter, Limits = start.Definition.Limits,
            BootId = ProcessIdentity.BootId, Secrets = [start.Key],
        };
        try
        {
            var launched = await new AgentLauncher(_folder, _options, _parts, _time).LaunchAsync(folder, state, start, bus, cancellationToken);
            var run = Add(folder, launched.State, launched.Child);
            run.Put(launched.FirstInput);
            LogStarted(_logger, start.RuntimeId, start.AgentName, launched.State.Process!.Value.Pid);
        }
        catch (LaunchException fault)
        {
            LogNotStarted(_logger, start.RuntimeId, start.AgentName, fault.Message);
            Add(folder, state with { Phase = RuntimePhase.Ended, End = RuntimeEnd.NotStarted, Detail = fault.Message, Secrets = [] });
        }
        finally
        {
            _starting.TryRemove(start.RuntimeId, out _);
            Changed();
        }
    }

    /// <summary>Forgets a runtime that has ended.</summary>
    public void Forget(AgentRun run)
    {
        if (_runs.TryRemove(run.Id, out _))
        {
            run.LetGo();
            run.Folder.Remove();
        }
    }

    /// <summary>Stops looking, and leaves what runs running: the next runner takes it up.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        Wake();
        await _loop;
        foreach (var run in _runs.Values)
        {
            run.LetGo();
        }

        _pump.Dispose();
        _wake.Dispose();
        _stopping.Dispose();
    }

    private AgentRun Add(RuntimeFolder folder, RuntimeState state, System.Diagnostics.Process? child = null)
    {
        Save(folder, state);
        AgentRun run;
        lock (_forestGate)
        {
            run = new AgentRun(_around, folder, state, child);
        }

        _runs[state.RuntimeId] = run;
        Wake();
        return run;
    }

    private void TakeUp(RuntimeFolder folder)
    {
        if (folder.Load() is not { } state)
        {
            // Nothing was ever started from a folder without a state: it is written before.
            folder.Remove();
            return;
        }

        // A number of another boot of the machine names nobody; without a process, only the environment can tell who belongs.
        if (state.BootId != ProcessIdentity.BootId)
        {
            state = state with { Process = null };
        }

        folder.Make();
        var lives = state.Process is { IsAlive: true };
        Add(folder, state);
        if (state.Phase != RuntimePhase.Ended)
        {
            LogTakenUp(_logger, state.RuntimeId, state.Process?.Pid ?? 0, lives);
        }
    }

    private async Task RunAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var wait = Look();
                Signal(ref _looked);
                await _wake.WaitAsync(wait, _stopping.Token);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // Whatever one look fails of, what runs must be looked at again.
            catch (Exception fault)
#pragma warning restore CA1031
            {
                LogLookFailed(_logger, fault);
                await Task.Delay(_options.LookEvery, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    // Returns how long nothing is due.
    private TimeSpan Look()
    {
        Interlocked.Exchange(ref _soonest, long.MaxValue);
        var wait = _options.LookEvery;
        lock (_forestGate)
        {
            foreach (var run in _runs.Values)
            {
                run.BeforeLook();
            }

            _forest.Look(_time.GetElapsedTime(0, _time.GetTimestamp()).TotalSeconds);
            foreach (var run in _runs.Values)
            {
                try
                {
                    if (run.Step() is { } again && again < wait)
                    {
                        wait = again;
                    }
                }
#pragma warning disable CA1031 // Whatever one of them fails of, those after it are looked at too, and it itself again.
                catch (Exception fault)
#pragma warning restore CA1031
                {
                    LogRunFailed(_logger, fault, run.Id);
                }
            }
        }

        var asked = TimeSpan.FromTicks(Interlocked.Read(ref _soonest));
        return asked < wait ? asked : wait;
    }

    private bool Save(RuntimeFolder folder, RuntimeState state)
    {
        try
        {
            folder.Save(state);
            return true;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            LogNotSaved(_logger, state.RuntimeId, fault.Message);
            return false;
        }
    }

    private void Wake()
    {
        try
        {
            _wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // It has been asked for already.
        }
    }

    private void WakeIn(TimeSpan delay)
    {
        var ticks = delay.Ticks;
        for (var before = Interlocked.Read(ref _soonest); ticks < before; before = Interlocked.Read(ref _soonest))
        {
            Interlocked.CompareExchange(ref _soonest, ticks, before);
        }
    }

    private void Changed() => Signal(ref _changed);

    private static void Signal(ref TaskCompletionSource source) =>
        Interlocked.Exchange(ref source, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    [LoggerMessage(EventId = 1800, Level = LogLevel.Information, Message = "Runtime {RuntimeId} of {Agent} runs as process {Pid}")]
    private static partial void LogStarted(ILogger logger, Guid runtimeId, string agent, int pid);

    [LoggerMessage(EventId = 1801, Level = LogLevel.Warning, Message = "Runtime {RuntimeId} of {Agent} could not be started: {Reason}")]
    private static partial void LogNotStarted(ILogger logger, Guid runtimeId, string agent, string reason);

    [LoggerMessage(EventId = 1802, Level = LogLevel.Information, Message = "Runtime {RuntimeId} of an earlier runner is taken up again (process {Pid}, alive: {Lives})")]
    private static partial void LogTakenUp(ILogger logger, Guid runtimeId, int pid, bool lives);

    [LoggerMessage(EventId = 1803, Level = LogLevel.Error, Message = "The agents could not be looked at")]
    private static partial void LogLookFailed(ILogger logger, Exception fault);

    [LoggerMessage(EventId = 1805, Level = LogLevel.Error, Message = "Runtime {RuntimeId} could not be looked at")]
    private static partial void LogRunFailed(ILogger logger, Exception fault, Guid runtimeId);

    [LoggerMessage(EventId = 1804, Level = LogLevel.Error, Message = "The state of runtime {RuntimeId} could not be written: {Reason}")]
    private static partial void LogNotSaved(ILogger logger, Guid runtimeId, string reason);
}
