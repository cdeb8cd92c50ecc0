using ControlCenter.Domain.Events;
using ControlCenter.Runtime.EventLog;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>What happened around a moment.</summary>
/// <param name="Before">Up to it, newest first.</param>
/// <param name="After">After it, oldest first.</param>
public sealed record NearEvents(IReadOnlyList<EventRecord> Before, IReadOnlyList<EventRecord> After);

/// <summary>What of some kinds would be lost with what came after a moment.</summary>
/// <param name="TasksCompleted">Tasks that were completed after it.</param>
/// <param name="TicketsOpened">Tickets that were opened after it.</param>
/// <param name="Decisions">Decisions that were made after it.</param>
public sealed record LostWork(long TasksCompleted, long TicketsOpened, long Decisions);

/// <summary>Finds the events around a moment, to choose one by: "before this task was completed".</summary>
/// <remarks>The log is ordered by its places and not by time. A shipment knows both, and so where to look.</remarks>
public sealed class EventsAround(NpgsqlDataSource database)
{
    private const string Columns = "seq, at, actor_id, kind, subject_type, subject_id, ticket_id, task_id, data::text, correlation_id";

    /// <summary>Reads them.</summary>
    /// <param name="moment">The moment.</param>
    /// <param name="each">At the most so many on either side.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<NearEvents> ReadAsync(DateTimeOffset moment, int each, CancellationToken cancellationToken) => new(
        await ListAsync(
            $"select {Columns} from events where seq <= coalesce((select last_seq from wal_shipments where at >= @at and last_seq is not null order by at limit 1), 9223372036854775807) and at <= @at order by seq desc limit @limit",
            moment, each, cancellationToken),
        await ListAsync(
            $"select {Columns} from events where seq > coalesce((select last_seq from wal_shipments where at <= @at and last_seq is not null order by at desc limit 1), 0) and at > @at order by seq limit @limit",
            moment, each, cancellationToken));

    /// <summary>Counts what would be lost, by its events: a row's own time is that of its transaction's beginning, and may be before the moment.</summary>
    public async Task<LostWork> LostAsync(DateTimeOffset moment, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select count(*) filter (where kind = 'task.completed'), count(*) filter (where kind = 'ticket.created'), count(*) filter (where kind = 'escalation.decided')
            from events
            where kind in ('task.completed', 'ticket.created', 'escalation.decided') and at > @at
                and seq > coalesce((select last_seq from wal_shipments where at <= @at and last_seq is not null order by at desc limit 1), 0)
            """);
        command.Parameters.AddWithValue("at", moment.ToUniversalTime());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new LostWork(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
    }

    private async Task<IReadOnlyList<EventRecord>> ListAsync(string sql, DateTimeOffset moment, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(sql);
        command.Parameters.AddWithValue("at", moment.ToUniversalTime());
        command.Parameters.AddWithValue("limit", limit);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<EventRecord>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(EventReader.ReadRecord(reader));
        }

        return found;
    }
}
