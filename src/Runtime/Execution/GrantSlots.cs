using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Governance;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Execution;

/// <summary>Gives slots on hosts to runtimes that wait: the most urgent first, then the oldest; from measured memory (AR-21, AR-22).</summary>
public sealed class GrantSlots(
    Transactions transactions, Admission admission, ExecutionMetrics metrics, SlotSignal signal, EventFeed feed, TimeProvider time, ILogger<GrantSlots> logger)
    : SupervisedService("slot-grants", time, logger)
{
    // Whoever was not woken looks again after this.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // One bus at a time decides: two that saw the same room would give it away twice.
    private const long Lock = 0x43435F534C4F54; // "CC_SLOT"

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            // The signs first, the look second: what comes between the two wakes the wait.
            var report = signal.Next;
            var position = feed.Head;
            var granted = await transactions.RunAsync(Caller.Host, GrantAsync, stoppingToken);
            Beat(granted == 0 ? "nobody was given a slot" : string.Create(CultureInfo.InvariantCulture, $"{granted} slots given"));
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            await Task.WhenAny(
                report, feed.WaitForAsync(position, e => MayMakeRoom(e.Record.Kind), either.Token), Task.Delay(Interval, Time, either.Token));
            await either.CancelAsync();
            stoppingToken.ThrowIfCancellationRequested();
        }
    }

    private static bool MayMakeRoom(string kind) =>
        kind is "runtime.requested" or "runtime.ended" or "admission.changed" or "agent.resumed" or "budget.reopened" or "governor.assignment_policy_changed"
        || kind.StartsWith("runtime.host_", StringComparison.Ordinal);

    private async Task<int> GrantAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync($"select pg_advisory_xact_lock({Lock})", cancellationToken);
        var (oldest, phases) = await SlotQueue.CountAsync(unit, cancellationToken);
        metrics.Set(oldest, phases);
        if (phases[RuntimePhase.Requested] == 0)
        {
            return 0;
        }

        // The room first, who waits second: an agent that was paused before a host was opened is not started there.
        var rooms = await SlotRooms.ReadAsync(unit, cancellationToken);
        var waiting = await SlotQueue.ReadAsync(unit, cancellationToken);
        if (!AdmissionRules.AdmitsExecution(admission.Level))
        {
            await SayAsync(unit, waiting, _ => "the host admits no execution", cancellationToken);
            return 0;
        }

        var granted = 0;
        var reasons = new Dictionary<Guid, string>();
        foreach (var wish in waiting)
        {
            if (wish.HeldBy is { } held)
            {
                reasons[wish.RuntimeId] = held;
                continue;
            }

            var only = wish.SessionHost is { } home && rooms.IsOnline(home) ? wish.SessionHost : null;
            var expected = rooms.ExpectedOf(wish.Adapter, wish.DefinitionId);
            var choice = SlotRules.Choose(rooms.Hosts, new SlotWish(wish.DefinitionId, wish.HostLabels, expected, only, rooms.MostPerHost));
            if (choice.Chosen is not { } chosen)
            {
                reasons[wish.RuntimeId] = choice.WaitsFor!;
                continue;
            }

            await GiveAsync(unit, wish, chosen, expected, replacesSession: wish.SessionHost is not null && only is null, cancellationToken);
            rooms.Promise(chosen.HostId, wish.DefinitionId, expected);
            granted++;
        }

        await SayAsync(unit, waiting, w => reasons.GetValueOrDefault(w.RuntimeId), cancellationToken);
        return granted;
    }

    private async Task GiveAsync(UnitOfWork unit, WaitingRuntime wish, SlotCandidate chosen, int? expected, bool replacesSession, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync(
            """
            update runtimes set phase = 'granted', host_id = @host, fencing_token = fencing_token + 1, granted_at = clock_timestamp(),
                lease_expires_at = clock_timestamp() + @lease, waits_for = null
            where id = @id
            """,
            cancellationToken, ("id", wish.RuntimeId), ("host", chosen.HostId), ("lease", RuntimeTimeouts.HostLost));
        if (replacesSession)
        {
            await SessionEnds.ReplaceAsync(unit, wish.RuntimeId, wish.SessionId, Time, cancellationToken);
        }

        unit.Record(
            "runtime.granted", ("runtime", wish.RuntimeId.ToString()),
            new { wish.RuntimeId, wish.AgentId, chosen.HostId, chosen.Host, chosen.HeadroomMb, ExpectedMemoryMb = expected }, wish.TicketId, wish.TaskId);
    }

    private static async Task SayAsync(UnitOfWork unit, IEnumerable<WaitingRuntime> waiting, Func<WaitingRuntime, string?> reasonOf, CancellationToken cancellationToken)
    {
        var news = waiting.Select(w => (w.RuntimeId, Was: w.WaitsFor, Is: reasonOf(w))).Where(w => w.Is is not null && w.Is != w.Was).ToList();
        if (news.Count == 0)
        {
            return;
        }

        await unit.ExecuteAsync(
            "update runtimes r set waits_for = w.reason from unnest(@ids, @reasons) as w(id, reason) where r.id = w.id and r.phase = 'requested'",
            cancellationToken, ("ids", news.ConvertAll(n => n.RuntimeId).ToArray()), ("reasons", news.ConvertAll(n => n.Is!).ToArray()));
        foreach (var (id, _, reason) in news)
        {
            unit.Record("runtime.waiting", ("runtime", id.ToString()), new { RuntimeId = id, WaitsFor = reason });
        }
    }
}
