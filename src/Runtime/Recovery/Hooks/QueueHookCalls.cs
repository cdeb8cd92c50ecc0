using System.Text;
using System.Text.Json;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Recovery;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Hooks;

/// <summary>The founder's program that is told of backups, restores and drills (<c>CC_RECOVERY_HOOK</c>).</summary>
/// <param name="Program">Its path; null where none is to be told.</param>
public sealed record RecoveryHook(string? Program)
{
    /// <summary>What has not ended after so long is killed with all that it started: 30 s, enough for a message by mail or to a pager.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>
/// Puts aside what the founder's program is to be told, in the transaction that moves the position: it is told outside of one, since a
/// transaction that is open while a program runs would hold up all readers of the log.
/// </summary>
/// <remarks>Also where there is no program: the hosts on one database share the position, and another may have one.</remarks>
public abstract class QueueHookCalls(
    string name, EventFilter wanted, NpgsqlDataSource database, EventFeed feed, Transactions transactions, TimeProvider time, ILogger logger)
    : LogReader(name, wanted, database, feed, transactions, time, logger)
{
    /// <summary>What could not be told within a day is news no more: a host that gets a program tells what is younger.</summary>
    internal static readonly TimeSpan ToldWithin = TimeSpan.FromDays(1);

    // As long as anybody asks how a call went; the event of one that failed stays.
    private static readonly TimeSpan Kept = TimeSpan.FromDays(30);

    /// <inheritdoc />
    protected override async Task HandleAsync(UnitOfWork unit, EventRecord record, CancellationToken cancellationToken)
    {
        if (!HookedEvents.Include(record.Kind, record.SubjectType))
        {
            return;
        }

        using var message = new MemoryStream();
        await using (var writer = new Utf8JsonWriter(message))
        {
            EventWire.Write(writer, record);
        }

        await unit.ExecuteAsync(
            "insert into recovery_hook_calls (event_seq, kind, message) values (@seq, @kind, @message) on conflict do nothing", cancellationToken,
            ("seq", record.Seq), ("kind", record.Kind), ("message", Encoding.UTF8.GetString(message.GetBuffer(), 0, (int)message.Length)));
        await unit.ExecuteAsync(
            "delete from recovery_hook_calls where ended_at < clock_timestamp() - @kept or (ended_at is null and queued_at < clock_timestamp() - @within)", cancellationToken,
            ("kept", Kept), ("within", ToldWithin));
    }
}

/// <summary>Of backups, restores and drills.</summary>
public sealed class QueueBackupEvents(
    NpgsqlDataSource database, EventFeed feed, Transactions transactions, TimeProvider time, ILogger<QueueBackupEvents> logger)
    : QueueHookCalls("recovery-hook-events", new EventFilter("backup."), database, feed, transactions, time, logger);

/// <summary>Of what is wrong with recovery, when it comes up and when it is over.</summary>
public sealed class QueueRecoveryAlerts(
    NpgsqlDataSource database, EventFeed feed, Transactions transactions, TimeProvider time, ILogger<QueueRecoveryAlerts> logger)
    : QueueHookCalls("recovery-hook-alerts", new EventFilter("alert."), database, feed, transactions, time, logger);
