using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.EventLog;

/// <summary>Writes events inside a transaction that somebody else owns: a change and its event are one commit.</summary>
public static class EventAppender
{
    // The transaction must have its id before it takes its first number: EventTail tells a number that was rolled
    // back from one still in flight by "every transaction that began before this snapshot has ended", and that is
    // only true of transactions that had an id when they took the number.
    internal const string TakeTransactionId = "select pg_current_xact_id()";

    /// <summary>What a draft gives of an event, in the order of <see cref="AddColumnsTo"/>.</summary>
    internal const string Columns = "actor_id, kind, subject_type, subject_id, ticket_id, task_id, data, correlation_id";

    private const string Insert =
        $"""
        insert into events (seq, at, {Columns})
        select nextval('events_seq'), clock_timestamp(), e.*
        from unnest($1, $2, $3, $4, $5, $6, $7, $8) as e
        returning seq
        """;

    /// <summary>Adds the commands that append <paramref name="events"/>, for callers that send their own statements in the same round trip.</summary>
    /// <remarks>The last of them returns one <c>seq</c> an event, in order.</remarks>
    public static void AddTo(NpgsqlBatch batch, IReadOnlyList<EventDraft> events)
    {
        batch.BatchCommands.Add(new NpgsqlBatchCommand(TakeTransactionId));
        var insert = new NpgsqlBatchCommand(Insert);
        AddColumnsTo(insert.Parameters, events);
        batch.BatchCommands.Add(insert);
    }

    /// <summary>Adds the columns of <see cref="Columns"/> as arrays, the first eight parameters of a statement.</summary>
    internal static void AddColumnsTo(NpgsqlParameterCollection parameters, IReadOnlyList<EventDraft> events)
    {
        var count = events.Count;
        var actors = new Guid[count];
        var kinds = new string[count];
        var subjectTypes = new string[count];
        var subjectIds = new string[count];
        var tickets = new Guid?[count];
        var tasks = new Guid?[count];
        var data = new string[count];
        var correlations = new Guid?[count];
        for (var i = 0; i < count; i++)
        {
            var e = events[i];
            actors[i] = e.ActorId;
            kinds[i] = e.Kind;
            subjectTypes[i] = e.SubjectType;
            subjectIds[i] = e.SubjectId;
            tickets[i] = e.TicketId;
            tasks[i] = e.TaskId;
            data[i] = e.Data;
            correlations[i] = e.CorrelationId;
        }

        Add(NpgsqlDbType.Uuid, actors);
        Add(NpgsqlDbType.Text, kinds);
        Add(NpgsqlDbType.Text, subjectTypes);
        Add(NpgsqlDbType.Text, subjectIds);
        Add(NpgsqlDbType.Uuid, tickets);
        Add(NpgsqlDbType.Uuid, tasks);
        Add(NpgsqlDbType.Jsonb, data);
        Add(NpgsqlDbType.Uuid, correlations);

        void Add(NpgsqlDbType type, Array values) => parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | type, Value = values });
    }

    /// <summary>Appends <paramref name="events"/> in the connection's open transaction and returns their places, in order.</summary>
    public static async Task<long[]> AppendAsync(NpgsqlConnection connection, IReadOnlyList<EventDraft> events, CancellationToken cancellationToken)
    {
        if (events.Count == 0)
        {
            return [];
        }

        await using var batch = new NpgsqlBatch(connection);
        AddTo(batch, events);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        return await ReadSeqsAsync(reader, events.Count, cancellationToken);
    }

    /// <summary>Reads the places that the last command of <see cref="AddTo"/> returns.</summary>
    public static async Task<long[]> ReadSeqsAsync(NpgsqlDataReader reader, int count, CancellationToken cancellationToken)
    {
        var seqs = new long[count];
        for (var i = 0; i < count; i++)
        {
            if (!await reader.ReadAsync(cancellationToken))
            {
                throw new InvalidOperationException($"{count} events were appended but only {i} places came back.");
            }

            seqs[i] = reader.GetInt64(0);
        }

        return seqs;
    }
}
