using System.Collections.Concurrent;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Hosts;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Execution;

/// <summary>A host reports, and hears what it is to be running: at once if that is news to it, otherwise as soon as it is, or when its patience is over.</summary>
public sealed partial class ReportHost(
    Transactions transactions, HostsHeard heard, ExecutionMetrics metrics, HostOrdersQuery orders, SlotSignal slots, EventFeed feed, IHostApplicationLifetime lifetime, TimeProvider time,
    ILogger<ReportHost> logger)
{
    private const int LongestWaitSeconds = 15;

    // A line of the log names so many; how many there are is said, and counted.
    private const int MostTold = 5;

    private readonly ConcurrentDictionary<Guid, string> _told = [];
    private readonly TakeInReport _takeIn = new(metrics);

    /// <summary>Takes a report in.</summary>
    /// <exception cref="ForbiddenException">The caller is not that host.</exception>
    public async Task<HostOrders> ExecuteAsync(Guid host, HostReport report, Caller caller, CancellationToken cancellationToken)
    {
        RequireItself(host, caller);
        RecordLoad.Require(report.Load);
        new FieldErrors()
            .Add("version", TextRules.Name(report.Version))
            .Add("surface", TextRules.OptionalName(report.Surface))
            .Add("labels", TextRules.NameList(report.Labels?.ToArray(), CreateHost.MostLabels))
            .Add("wait_seconds", report.WaitSeconds is < 0 or > LongestWaitSeconds ? $"Between 0 and {LongestWaitSeconds}; {report.WaitSeconds} was given." : null)
            .ThrowIfAny();
        var seen = CheckedObservations.Of(report.Runtimes);
        Tell(host, caller.Name, seen.Problems);
        report = report with { Runtimes = seen.Kept };
        await transactions.RunAsync(caller, (unit, ct) => _takeIn.WithinAsync(unit, host, report, ct), cancellationToken);

        // Only now: whoever looks for what is overdue is to find what this host said of it.
        heard.Note(host);
        slots.Set();
        return await AnswerAsync(host, report, cancellationToken);
    }

    /// <summary>Refuses whoever is not that host.</summary>
    internal static void RequireItself(Guid host, Caller caller)
    {
        caller.Require(Permission.RunHost);
        if (caller.ActorId != host)
        {
            throw new ForbiddenException($"'{caller.Name}' is not host {host}: a host speaks for itself only.");
        }
    }

    private async Task<HostOrders> AnswerAsync(Guid host, HostReport report, CancellationToken cancellationToken)
    {
        using var over = new CancellationTokenSource(TimeSpan.FromSeconds(report.WaitSeconds), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, over.Token, lifetime.ApplicationStopping);
        while (true)
        {
            // The place first, the look second: what happens between the two is after the place, and wakes the wait.
            var position = feed.Head;
            var now = await orders.ReadAsync(host, cancellationToken);
            if (now.Mark != report.Seen || report.WaitSeconds == 0 || either.IsCancellationRequested)
            {
                return now;
            }

            await feed.WaitForAsync(position, e => MayChangeOrders(e.Record.Kind), either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static bool MayChangeOrders(string kind) =>
        kind is "runtime.granted" or "runtime.ended" or "runtime.stop_requested" or "runtime.desired_changed" or "runtime.host_draining" or "runtime.host_online"
            or "runtime.host_left" or "runtime.input" or "runtime.input_lost" or "task.completed" or "task.failed" or "task.cancelled" or "task.released" or "task.ready"
        || kind.StartsWith("intervention.", StringComparison.Ordinal) || kind.StartsWith("lease.", StringComparison.Ordinal);

    // A runner that says the same wrong thing with each report is told of once.
    private void Tell(Guid host, string name, IReadOnlyList<string> problems)
    {
        var said = string.Join(' ', problems.Take(MostTold));
        if (problems.Count == 0)
        {
            _told.TryRemove(host, out _);
            return;
        }

        metrics.LeftOut(problems.Count);
        if (_told.TryGetValue(host, out var before) && before == said)
        {
            return;
        }

        _told[host] = said;
        LogLeftOut(logger, name, problems.Count, said);
    }

    [LoggerMessage(EventId = 1845, Level = LogLevel.Warning, Message = "Of the report of {Host}, {Count} things could not be kept: {Problems}")]
    private static partial void LogLeftOut(ILogger logger, string host, int count, string problems);
}

/// <summary>"There may be a slot for somebody": set by every report, so that nobody waits for the next look.</summary>
public sealed class SlotSignal
{
    private volatile TaskCompletionSource _set = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends with the next sign.</summary>
    public Task Next => _set.Task;

    /// <summary>Gives the sign.</summary>
    public void Set() => Interlocked.Exchange(ref _set, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
}
