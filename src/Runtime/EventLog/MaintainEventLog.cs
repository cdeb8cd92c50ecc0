using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.EventLog;

/// <summary>Makes the log's partitions ahead of time, and removes those that are older than events are kept.</summary>
public sealed partial class MaintainEventLog(
    NpgsqlDataSource database, Transactions transactions, EventRetention retention, TimeProvider time, ILogger<MaintainEventLog> logger)
    : SupervisedService("event-log-upkeep", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    // Removing a partition locks the whole log for a moment. Whoever holds it longer than this (a dump) is not waited for:
    // behind the wait every writer would stand in line. The next hour tries again.
    private const string LockPatience = "500ms";

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Interval * 2;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            await MakePartitionAsync(stoppingToken);
            var removed = await RemoveOldAsync(stoppingToken);
            Beat(removed == 0
                ? "this month's and the next two months' partitions are there"
                : string.Create(CultureInfo.InvariantCulture, $"{removed} partitions older than {retention.Days} days removed"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task MakePartitionAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "select events_make_partition(((now() at time zone 'UTC') + make_interval(months => m))::date) from generate_series(0, 2) m");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<int> RemoveOldAsync(CancellationToken cancellationToken)
    {
        var removed = 0;
        foreach (var partition in await OlderThanKeptAsync(cancellationToken))
        {
            try
            {
                if (!await transactions.RunAsync(Caller.Host, (unit, ct) => RemoveAsync(unit, partition, ct), cancellationToken))
                {
                    // Oldest first, and none is passed over: the floor must not rise above what is still needed.
                    LogStillNeeded(Logger, partition);
                    break;
                }

                removed++;
            }
            catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                LogLocked(Logger, partition, LockPatience);
                break;
            }
        }

        return removed;
    }

    /// <summary>The months that ended longer ago than events are kept, oldest first: by the database's clock and by the host's, so that one that is wrong removes nothing. The log goes from its beginning on, so what is pinned keeps all that came after it too.</summary>
    private async Task<List<string>> OlderThanKeptAsync(CancellationToken cancellationToken)
    {
        var partitions = new List<string>();
        if (retention.Days is not { } days)
        {
            return partitions;
        }

        await using var command = database.CreateCommand(
            """
            select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = 'events'::regclass and c.relname ~ '^events_\d{4}_\d{2}$'
              and (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') at time zone 'UTC'
                  <= least(clock_timestamp(), @now) - make_interval(days => @days)
              and (to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month') at time zone 'UTC'
                  <= coalesce((select min(from_at) from incident_pins where released_at is null), 'infinity')
            order by c.relname
            """);
        command.Parameters.AddWithValue("now", Time.GetUtcNow());
        command.Parameters.AddWithValue("days", days);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            partitions.Add(reader.GetString(0));
        }

        return partitions;
    }

    /// <summary>Removes a partition and raises the floor in one transaction, so that no reader can find the one without the other.</summary>
    /// <returns>False if a reader of the host's own (<see cref="LogReader"/>) has yet to act on some of it.</returns>
    private async Task<bool> RemoveAsync(UnitOfWork unit, string partition, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync($"set local lock_timeout = '{LockPatience}'; lock table only events in access exclusive mode", cancellationToken);
        await using (var exists = unit.Command("select to_regclass(@partition) is not null", ("partition", partition)))
        {
            if (!(bool)(await exists.ExecuteScalarAsync(cancellationToken))!)
            {
                // Another host was first.
                return true;
            }
        }

        long through;
        await using (var raise = unit.Command(
            $"""
            with last as (select coalesce(max(seq), 0) as seq from {partition})
            update event_log_state set pruned_through = greatest(pruned_through, last.seq) from last
            where not exists (select 1 from log_positions where position < last.seq)
            returning pruned_through
            """))
        {
            if (await raise.ExecuteScalarAsync(cancellationToken) is not long raised)
            {
                return false;
            }

            through = raised;
        }

        await unit.ExecuteAsync($"drop table {partition}", cancellationToken);
        unit.Record("runtime.events_removed", ("event_log", partition), new { Partition = partition, Through = through, KeptDays = retention.Days });
        return true;
    }

    [LoggerMessage(EventId = 1102, Level = LogLevel.Warning, Message = "{Partition} is older than events are kept, but a reader of the host has not come past it yet; it stays")]
    private static partial void LogStillNeeded(ILogger logger, string partition);

    [LoggerMessage(EventId = 1103, Level = LogLevel.Warning, Message = "{Partition} is older than events are kept, but somebody has held the log for more than {Patience}; it stays for now")]
    private static partial void LogLocked(ILogger logger, string partition, string patience);
}
