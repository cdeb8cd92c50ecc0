using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Hosts;
using Microsoft.Extensions.Hosting;

namespace ControlCenter.Runtime.Execution;

/// <summary>A host reports, and hears what it is to be running: at once if that is news to it, otherwise as soon as it is, or when its patience is over.</summary>
public sealed class ReportHost(
    Transactions transactions, RecordLoad load, ExecutionMetrics metrics, HostOrdersQuery orders, SlotSignal slots, EventFeed feed, IHostApplicationLifetime lifetime, TimeProvider time)
{
    private const int LongestWaitSeconds = 15;
    private const int MostRuntimes = 1000;

    private readonly TakeInReport _takeIn = new(load, metrics);

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
            .Add("runtimes", ProblemOf(report.Runtimes))
            .ThrowIfAny();
        await transactions.RunAsync(caller, (unit, ct) => _takeIn.WithinAsync(unit, host, report, ct), cancellationToken);
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
            or "runtime.host_left" or "task.completed" or "task.failed" or "task.cancelled" or "task.released" or "task.ready"
        || kind.StartsWith("intervention.", StringComparison.Ordinal) || kind.StartsWith("lease.", StringComparison.Ordinal);

    private static string? ProblemOf(IReadOnlyList<RuntimeObservation> runtimes) =>
        runtimes.Count > MostRuntimes ? $"At the most {MostRuntimes}; {runtimes.Count} were given."
        : runtimes.DistinctBy(r => r.RuntimeId).Count() != runtimes.Count ? "One runtime stands twice."
        : runtimes.FirstOrDefault(r => r.Phase == RuntimePhase.Requested) is { } early ? $"Runtime {early.RuntimeId} is 'requested': a host has it from 'granted' on."
        : runtimes.Select(ProblemOf).FirstOrDefault(p => p is not null);

    private static string? ProblemOf(RuntimeObservation seen) =>
        seen.MemoryMb is < 0 || seen.PeakMemoryMb is < 0 || seen.CpuPercent is < 0 or > 10_000_000 || seen.OutputLines < 0 || seen.DroppedLines < 0 || seen.Turns < 0 || seen.RepeatedCalls < 0
            ? $"Runtime {seen.RuntimeId} has a measurement below 0."
            : TextRules.OptionalName(seen.NativeSessionId) ?? TextRules.OptionalName(seen.Signature) ?? TextRules.OptionalLongText(seen.LastTool) ?? TextRules.OptionalLongText(seen.Detail);
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
