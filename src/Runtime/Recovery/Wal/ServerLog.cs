using ControlCenter.Domain.Recovery;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Wal;

/// <summary>What the server says of its log.</summary>
internal static class ServerLog
{
    /// <summary>
    /// Commits something of its own behind everything that was committed by then: a restore to any moment before it finds a later commit to
    /// stop at (PostgreSQL, recovery_target_time).
    /// </summary>
    /// <returns>When that was, by the database's clock; on which timeline; the mark's place, and how far was written with it; the newest event before it.</returns>
    public static async Task<(DateTimeOffset At, uint Timeline, Lsn Mark, Lsn Through, long LastSeq)> MarkAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("select clock_timestamp(), coalesce((select max(seq) from events), 0)"),
                new("select pg_logical_emit_message(true, 'control-center', 'shipment')::text"),
            },
        };
        DateTimeOffset at;
        long lastSeq;
        Lsn mark;
        await using (var marked = await batch.ExecuteReaderAsync(cancellationToken))
        {
            await marked.ReadAsync(cancellationToken);
            (at, lastSeq) = (marked.GetFieldValue<DateTimeOffset>(0), marked.GetInt64(1));
            await marked.NextResultAsync(cancellationToken);
            await marked.ReadAsync(cancellationToken);
            mark = Lsn.TryParse(marked.GetString(0))!.Value;
        }

        await using var command = new NpgsqlCommand("select pg_current_wal_flush_lsn()::text, timeline_id from pg_control_checkpoint()", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (at, (uint)reader.GetInt32(1), mark, Lsn.TryParse(reader.GetString(0))!.Value, lastSeq);
    }

    /// <summary>How far it has written.</summary>
    public static async Task<Lsn> WrittenAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_current_wal_flush_lsn()::text", connection);
        return Lsn.TryParse((string)(await command.ExecuteScalarAsync(cancellationToken))!)!.Value;
    }

    /// <summary>The cluster's identifier, and how large its segments are.</summary>
    public static async Task<(string System, uint SegmentBytes)> ClusterAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select system_identifier::text, (select setting::bigint from pg_settings where name = 'wal_segment_size') from pg_control_system()", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (reader.GetString(0), (uint)reader.GetInt64(1));
    }
}
