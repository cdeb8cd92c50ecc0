using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>What a rebuild came to.</summary>
public sealed record RebuiltRollups(long Events, long Rollups);

/// <summary>Makes the rollups anew from the events, while the old ones go on being read (CO-04).</summary>
public sealed class RebuildRollups(NpgsqlDataSource database, EventLogSignal signal)
{
    private const string Rebuilt = "cost_rollups_rebuilt";

    /// <summary>Rebuilds them.</summary>
    public async Task<RebuiltRollups> ExecuteAsync(Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageCosts);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        // Held from before the snapshot is taken: what others added before is in it, and nobody adds anything until the end.
        await ExecuteAsync(connection, $"select pg_advisory_lock({RollupRows.Lock})", cancellationToken);
        try
        {
            await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellationToken);
            var unit = new UnitOfWork(connection, caller);
            // What this snapshot sees in the line it also sees among the events; what comes later stays in the line.
            await ExecuteAsync(
                connection, $"delete from cost_rollup_queue; create table {Rebuilt} (like cost_rollups including all) with (fillfactor = 70)", cancellationToken);
            var result = await FillAsync(connection, cancellationToken);
            await ExecuteAsync(
                connection,
                $"""
                drop table cost_rollups;
                alter table {Rebuilt} rename to cost_rollups;
                alter index {Rebuilt}_pkey rename to cost_rollups_pkey;
                analyze cost_rollups
                """,
                cancellationToken);
            unit.Record("cost.rollups_rebuilt", ("cost_rollups", ""), result);
            await EventAppender.AppendAsync(connection, unit.Events, cancellationToken);
            await transaction.CommitAsync(CancellationToken.None);
            signal.Committed();
            return result;
        }
        finally
        {
            await ExecuteAsync(connection, $"select pg_advisory_unlock({RollupRows.Lock})", CancellationToken.None);
        }
    }

    // A day at a time, so that memory holds one day's hours and the week and month that are still open, however many events there are.
    private static async Task<RebuiltRollups> FillAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var longer = new RollupTallies();
        long events = 0, rollups = 0;
        for (var from = DateTimeOffset.MinValue; await NextDayAsync(connection, from, cancellationToken) is { } day; from = day.AddDays(1))
        {
            rollups += await CopyAsync(longer.TakeEndedBy(day));
            var hours = new RollupTallies();
            events += await ReadDayAsync(connection, day, hours, cancellationToken);
            var days = new RollupTallies();
            foreach (var (key, tally) in hours.All)
            {
                days.Add(key, tally, RollupGrain.Day);
            }

            foreach (var (key, tally) in days.All)
            {
                longer.Add(key, tally, RollupGrain.Week);
                longer.Add(key, tally, RollupGrain.Month);
            }

            rollups += await CopyAsync([.. hours.All, .. days.All]);
        }

        rollups += await CopyAsync([.. longer.All]);
        return new RebuiltRollups(events, rollups);

        async Task<int> CopyAsync(List<KeyValuePair<RollupKey, RollupTally>> rows)
        {
            await RollupRows.CopyAsync(connection, Rebuilt, rows, cancellationToken);
            return rows.Count;
        }
    }

    private static async Task<DateTimeOffset?> NextDayAsync(NpgsqlConnection connection, DateTimeOffset from, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select at from cost_events where at >= @from order by at limit 1", connection);
        command.Parameters.AddWithValue("from", from.UtcDateTime);
        return await command.ExecuteScalarAsync(cancellationToken) is DateTime at ? RollupGrain.Day.StartOf(new DateTimeOffset(at)) : null;
    }

    private static async Task<long> ReadDayAsync(NpgsqlConnection connection, DateTimeOffset day, RollupTallies hours, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"select {CostFacts.Columns} from cost_events e where e.at >= @from and e.at < @to", connection);
        command.Parameters.AddWithValue("from", day.UtcDateTime);
        command.Parameters.AddWithValue("to", day.AddDays(1).UtcDateTime);
        command.CommandTimeout = 0;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var count = 0L;
        for (; await reader.ReadAsync(cancellationToken); count++)
        {
            hours.Add(CostFacts.Read(reader), RollupGrain.Hour);
        }

        return count;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
