using System.Collections.Concurrent;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Runner.Bus;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Runner;

/// <summary>Does what a host's orders say: starts what is not here, tells what is here what is to be, and ends what they do not name.</summary>
/// <param name="supervisor">What is here.</param>
/// <param name="bus">The bus.</param>
/// <param name="left">Told that the host is no longer one of the bus's.</param>
/// <param name="logger">The runner's log.</param>
/// <param name="time">The clock.</param>
internal sealed partial class OrderFollower(Supervisor supervisor, BusConnection bus, Action left, ILogger logger, TimeProvider time) : IDisposable
{
    // A machine that is told to start fifty agents starts so many at a time; each start is a call of the bus and a few files.
    private const int StartsAtOnce = 8;

    private static readonly TimeSpan AfterFailedStart = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _starts = new(StartsAtOnce, StartsAtOnce);
    private readonly ConcurrentDictionary<Guid, Task> _starting = [];

    /// <summary>The mark of the orders that were followed last; null where they are to be seen again.</summary>
    public string? Seen { get; private set; }

    /// <summary>Whether something is being started.</summary>
    public bool IsStarting => !_starting.IsEmpty;

    /// <summary>Ends when what is being started has been, or has failed to.</summary>
    public Task Started => Task.WhenAll(_starting.Values);

    /// <summary>Follows them.</summary>
    /// <param name="hostId">As whom.</param>
    /// <param name="answer">The orders, and how old they are.</param>
    public void Follow(Guid hostId, (HostOrders Orders, AnswerAge Age) answer)
    {
        var (orders, age) = answer;
        Seen = orders.Mark;
        if (orders.State == HostState.Left)
        {
            left();
            return;
        }

        foreach (var order in orders.Runtimes)
        {
            if (supervisor.Find(order.RuntimeId) is { } run)
            {
                if (run.FencingToken == order.FencingToken)
                {
                    Tell(run, order, age);
                }
                else
                {
                    run.End(RuntimeEnd.Lost, "Its slot was given anew.", atOnce: true);
                }
            }
            else if (order.Desired != DesiredState.Stop && !supervisor.Knows(order.RuntimeId))
            {
                supervisor.Announce(order.RuntimeId, order.FencingToken);
                _starting[order.RuntimeId] = StartAsync(hostId, order, age);
            }
        }

        EndUnnamed(orders.Runtimes.Select(o => o.RuntimeId).ToHashSet());
    }

    /// <inheritdoc />
    public void Dispose() => _starts.Dispose();

    private static void Tell(AgentRun run, RuntimeOrder order, AnswerAge age)
    {
        run.Order(order.Desired, order.Interventions, order.TaskEnded);
        run.Type(order.Inputs ?? [], age);
    }

    private void EndUnnamed(HashSet<Guid> named)
    {
        foreach (var run in supervisor.Runs.Where(run => !named.Contains(run.Id)))
        {
            if (!run.HasEnded)
            {
                run.End(RuntimeEnd.Lost, "The bus no longer names it: its slot is somebody else's.");
            }
            else if (!run.Spool.HasLines)
            {
                supervisor.Forget(run);
            }
        }
    }

    private async Task StartAsync(Guid hostId, RuntimeOrder order, AnswerAge age)
    {
        await Task.Yield();
        await _starts.WaitAsync();
        try
        {
            var start = await bus.StartAsync(hostId, order.RuntimeId, order.FencingToken, CancellationToken.None);
            await supervisor.StartAsync(start, bus.Address, CancellationToken.None);
            if (supervisor.Find(order.RuntimeId) is { } run)
            {
                Tell(run, order, age);
            }
        }
#pragma warning disable CA1031 // Whatever it was: what is still ordered is tried again, and what is not is no longer named.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            LogStartFailed(logger, order.RuntimeId, fault.Message);
            await Task.Delay(AfterFailedStart, time);
            supervisor.Withdraw(order.RuntimeId);

            // An answer like the last one is held back; the order in it is to be seen again.
            Seen = null;
            supervisor.Nudge();
        }
        finally
        {
            _starts.Release();
            _starting.TryRemove(order.RuntimeId, out _);
        }
    }

    [LoggerMessage(EventId = 1814, Level = LogLevel.Warning, Message = "Runtime {RuntimeId} was not started: {Reason}")]
    private static partial void LogStartFailed(ILogger logger, Guid runtimeId, string reason);
}
