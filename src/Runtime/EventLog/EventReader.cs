using System.Data;
using System.Globalization;
using System.Text;
using ControlCenter.Domain.Events;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.EventLog;

/// <summary>What part of the log is asked for. All that is given must hold.</summary>
/// <param name="KindPrefix">A whole kind, or a family when it ends in a dot or an asterisk: <c>task.</c></param>
/// <param name="Subject">The subject as the bus writes it.</param>
/// <param name="TaskId">Events of one task.</param>
/// <param name="TicketId">Events of one ticket and of its tasks.</param>
/// <param name="ActorId">Events that one actor caused.</param>
public sealed record EventFilter(string? KindPrefix = null, string? Subject = null, Guid? TaskId = null, Guid? TicketId = null, Guid? ActorId = null)
{
    /// <summary>Whether an event that has just happened is one of those asked for.</summary>
    public bool Fits(EventRecord record) =>
        (KindPrefix is not { Length: > 0 } kind || (kind[^1] is '.' or '*' ? record.Kind.StartsWith(kind.TrimEnd('*'), StringComparison.Ordinal) : record.Kind == kind))
        && (string.IsNullOrEmpty(Subject) || record.Subject == Subject)
        && (TaskId is null || record.TaskId == TaskId)
        && (TicketId is null || record.TicketId == TicketId)
        && (ActorId is null || record.ActorId == ActorId);
}

/// <summary>A page of the log.</summary>
/// <param name="Events">Oldest first.</param>
/// <param name="Through">The place from which reading goes on.</param>
public sealed record LogPage(List<EventRecord> Events, long Through);

/// <summary>What a reader is told whose position is not one of this log: never skipped in silence.</summary>
/// <param name="Requested">The position that it had.</param>
/// <param name="ResumesAfter">The position from which it goes on.</param>
/// <param name="Why">In words.</param>
public sealed record LogReset(long Requested, long ResumesAfter, string Why);

/// <summary>Reads the log from the database, in order.</summary>
public sealed class EventReader(NpgsqlDataSource database)
{
    /// <summary>What a page holds beside its last event, of whatever size the events are: one alone may have nearly 1 MiB.</summary>
    public const int PageBytes = 1024 * 1024;

    private const string Columns = "seq, at, actor_id, kind, subject_type, subject_id, ticket_id, task_id, data::text, correlation_id";

    /// <summary>Up to <paramref name="limit"/> events after <paramref name="after"/>, oldest first, none beyond <paramref name="through"/>.</summary>
    /// <remarks>Give the feed's head as <paramref name="through"/>: beyond it a transaction in flight may still hold a lower place.</remarks>
    public Task<List<EventRecord>> ReadAfterAsync(long after, long through, EventFilter filter, int limit, CancellationToken cancellationToken) =>
        ReadAsync("seq > @from and seq <= @to", "seq", after, through, filter, limit, cancellationToken);

    /// <summary>The page that comes after <paramref name="after"/>: up to <paramref name="limit"/> events or <see cref="PageBytes"/>, none beyond <paramref name="through"/>.</summary>
    public async Task<LogPage> ReadPageAsync(long after, long through, int limit, CancellationToken cancellationToken)
    {
        var events = await ReadAsync("seq > @from and seq <= @to", "seq", after, through, new EventFilter(), limit, cancellationToken, PageBytes);
        var isFull = events.Count == limit || events.Sum(e => (long)e.Data.Length) >= PageBytes;
        return new LogPage(events, isFull ? events[^1].Seq : through);
    }

    /// <summary>The newest <paramref name="limit"/> events before <paramref name="before"/>, newest first.</summary>
    public Task<List<EventRecord>> ReadBeforeAsync(long before, EventFilter filter, int limit, CancellationToken cancellationToken) =>
        ReadAsync("seq > @from and seq < @to", "seq desc", 0, before, filter, limit, cancellationToken);

    /// <summary>The newest <paramref name="limit"/> events of some kinds within a time, newest first.</summary>
    /// <remarks>Each kind by its own range of the index: how much else happened in that time makes no difference.</remarks>
    public async Task<List<EventRecord>> ReadOfKindsAsync(IReadOnlyList<string> kinds, DateTimeOffset from, DateTimeOffset to, int limit, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            $"""
            select e.* from unnest(@kinds) k (kind),
            lateral (select {Columns} from events where kind = k.kind and at >= @from and at < @to order by seq desc limit @limit) e
            order by seq desc limit @limit
            """);
        command.Parameters.Add(new NpgsqlParameter<string[]>("kinds", [.. kinds]));
        command.Parameters.Add(new NpgsqlParameter<DateTime>("from", from.UtcDateTime));
        command.Parameters.Add(new NpgsqlParameter<DateTime>("to", to.UtcDateTime));
        command.Parameters.Add(new NpgsqlParameter<int>("limit", limit));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var records = new List<EventRecord>();
        while (await reader.ReadAsync(cancellationToken))
        {
            records.Add(ReadRecord(reader));
        }

        return records;
    }

    /// <summary>
    /// Null if everything after <paramref name="position"/> is there. Ask after reading what comes after it, since retention may
    /// remove some of that meanwhile.
    /// </summary>
    /// <param name="position">Where the reader is.</param>
    /// <param name="head">The feed's head: from there on goes who is ahead of the log.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<LogReset?> ResetAsync(long position, long head, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select pruned_through, greatest(pruned_through, (select last_value from events_seq)),
                (select min(after_seq) from lost_futures where @position > after_seq and @position < before_seq)
            from event_log_state
            """);
        command.Parameters.AddWithValue("position", position);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var (pruned, newest) = (reader.GetInt64(0), reader.GetInt64(1));
        return position < pruned ? new LogReset(position, pruned, "older events are no longer kept")
            // What it has read from there on has not happened here; what has comes after the last that both have.
            : !reader.IsDBNull(2) ? new LogReset(position, Math.Max(pruned, reader.GetInt64(2)), "the database was restored to an earlier moment")
            // Another database, or one restored to an earlier time.
            : position > newest ? new LogReset(position, head, "this position is ahead of the log")
            : null;
    }

    /// <summary>Reads one row of the log's columns.</summary>
    internal static EventRecord ReadRecord(NpgsqlDataReader reader) => new()
    {
        Seq = reader.GetInt64(0),
        At = reader.GetFieldValue<DateTimeOffset>(1),
        ActorId = reader.GetGuid(2),
        Kind = reader.GetString(3),
        SubjectType = reader.GetString(4),
        SubjectId = reader.GetString(5),
        TicketId = reader.IsDBNull(6) ? null : reader.GetGuid(6),
        TaskId = reader.IsDBNull(7) ? null : reader.GetGuid(7),
        Data = reader.GetString(8),
        CorrelationId = reader.IsDBNull(9) ? null : reader.GetGuid(9),
    };

    /// <summary>The statement that a tail repeats: what comes after <c>$1</c>, at the most <c>$2</c> of them.</summary>
    internal const string TailStatement = $"select {Columns} from events where seq > $1 order by seq limit $2";

    private async Task<List<EventRecord>> ReadAsync(
        string range, string order, long from, long to, EventFilter filter, int limit, CancellationToken cancellationToken, long mostBytes = long.MaxValue)
    {
        var sql = new StringBuilder($"select {Columns} from events where {range}");
        await using var command = database.CreateCommand();
        command.Parameters.Add(new NpgsqlParameter<long>("from", from));
        command.Parameters.Add(new NpgsqlParameter<long>("to", to));
        AddFilter(sql, command.Parameters, filter);
        command.CommandText = sql.Append(CultureInfo.InvariantCulture, $" order by {order} limit {limit}").ToString();
        await using var reader = await command.ExecuteReaderAsync(CommandBehavior.Default, cancellationToken);
        var records = new List<EventRecord>();
        var bytes = 0L;
        while (bytes < mostBytes && await reader.ReadAsync(cancellationToken))
        {
            records.Add(ReadRecord(reader));
            bytes += records[^1].Data.Length;
        }

        return records;
    }

    private static void AddFilter(StringBuilder sql, NpgsqlParameterCollection parameters, EventFilter filter)
    {
        if (filter.KindPrefix is { Length: > 0 } kind)
        {
            if (kind[^1] is '.' or '*')
            {
                // A range that the index on kind can serve; kinds are ASCII, so nothing of the family comes after its end.
                var family = kind.TrimEnd('*');
                sql.Append(" and kind >= @kind and kind < @kind_end");
                parameters.Add(new NpgsqlParameter<string>("kind", family));
                parameters.Add(new NpgsqlParameter<string>("kind_end", family + '~'));
            }
            else
            {
                sql.Append(" and kind = @kind");
                parameters.Add(new NpgsqlParameter<string>("kind", kind));
            }
        }

        if (filter.Subject is { Length: > 0 } subject)
        {
            var (type, id) = EventSubject.Split(subject);
            sql.Append(" and subject_type = @subject_type and subject_id = @subject_id");
            if (id.Length > 0)
            {
                sql.Append(" and subject_id <> ''");
            }

            parameters.Add(new NpgsqlParameter<string>("subject_type", type));
            parameters.Add(new NpgsqlParameter<string>("subject_id", id));
        }

        AddId(sql, parameters, "task_id", filter.TaskId);
        AddId(sql, parameters, "ticket_id", filter.TicketId);
        AddId(sql, parameters, "actor_id", filter.ActorId);
    }

    private static void AddId(StringBuilder sql, NpgsqlParameterCollection parameters, string column, Guid? id)
    {
        if (id is { } value)
        {
            sql.Append(CultureInfo.InvariantCulture, $" and {column} = @{column}");
            parameters.Add(new NpgsqlParameter(column, NpgsqlDbType.Uuid) { Value = value });
        }
    }
}
