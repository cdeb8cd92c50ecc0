using ControlCenter.Runtime.Commands;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.EventLog;

/// <summary>
/// Appends many callers' events and keeps each caller's answer in one statement, so that a group costs one round trip and
/// one plan: the answer has the places in it that the same statement gives out.
/// </summary>
internal static class AppendPostings
{
    // The answer is what WireJson makes of AcceptedEvents; a repeat must get the first answer to the byte.
    private const string Statement =
        $$"""
        with placed as materialized (
            select nextval('events_seq') as seq, e.*
            from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) as e ({{EventAppender.Columns}}, request)
        ), written as (
            insert into events (seq, at, {{EventAppender.Columns}})
            select seq, clock_timestamp(), {{EventAppender.Columns}} from placed
        ), accepted as materialized (
            select request, count(*)::int as events, min(seq) as first_seq, max(seq) as last_seq from placed group by request
        ), answered as (
            {{IdempotencyKeys.Insert}}
            select k.actor_id, k.key, k.request_hash, k.status,
                   '{"accepted":' || a.events || ',"first_seq":' || a.first_seq || ',"last_seq":' || a.last_seq || '}'
            from unnest($10, $11, $12, $13, $14) as k (request, actor_id, key, request_hash, status)
            join accepted a using (request)
        )
        select events, first_seq, last_seq from accepted order by request
        """;

    /// <summary>Adds the commands. The last returns a row for each posting, in order: how many events, the first place, the last.</summary>
    public static void AddTo(NpgsqlBatch batch, IReadOnlyList<GroupMember<PostEvents.Posting, AcceptedEvents>> group)
    {
        var events = new List<EventDraft>(group.Count);
        var postingOfEvent = new List<int>(group.Count);
        var repeatable = new List<(int Posting, IdempotentRequest Request)>(group.Count);
        for (var i = 0; i < group.Count; i++)
        {
            var posted = group[i].Request.Events;
            events.AddRange(posted);
            postingOfEvent.AddRange(Enumerable.Repeat(i, posted.Length));
            if (group[i].Idempotency is { } request)
            {
                repeatable.Add((i, request));
            }
        }

        var statement = new NpgsqlBatchCommand(Statement);
        EventAppender.AddColumnsTo(statement.Parameters, events);
        Add(NpgsqlDbType.Integer, postingOfEvent.ToArray());
        Add(NpgsqlDbType.Integer, Of(r => r.Posting));
        Add(NpgsqlDbType.Uuid, Of(r => r.Request.ActorId));
        Add(NpgsqlDbType.Text, Of(r => r.Request.Key));
        Add(NpgsqlDbType.Bytea, Of(r => r.Request.RequestHash));
        Add(NpgsqlDbType.Smallint, Of(r => (short)r.Request.SuccessStatus));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(EventAppender.TakeTransactionId));
        batch.BatchCommands.Add(statement);

        T[] Of<T>(Converter<(int Posting, IdempotentRequest Request), T> column) => [.. repeatable.ConvertAll(column)];
        void Add(NpgsqlDbType type, Array values) => statement.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | type, Value = values });
    }
}
