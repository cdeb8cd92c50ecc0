using ControlCenter.Domain.Access;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.EventLog;

/// <summary>An event that a caller posts.</summary>
/// <param name="Kind">Matches <see cref="EventKind"/>, outside the host's own families.</param>
/// <param name="Subject">What it is about: <c>type:id</c>; up to 200 characters.</param>
/// <param name="Data">One JSON value, as text.</param>
public readonly record struct PostedEvent(string Kind, string? Subject, string Data);

/// <summary>Where posted events came to stand.</summary>
public sealed record AcceptedEvents(int Accepted, long FirstSeq, long LastSeq);

/// <summary>Takes in events from outside, many callers' in one commit; answers once they are on disk.</summary>
public sealed class PostEvents(NpgsqlDataSource database, EventLogSignal signal, TimeProvider time, ILogger<PostEvents> logger)
    : GroupCommit<PostEvents.Posting, AcceptedEvents>("event-writer", database, signal, time, logger)
{
    /// <summary>The most events in one post (bus-api.md).</summary>
    public const int MostInOnePost = 500;

    private const int LongestSubject = 200;

    /// <summary>Appends the events: all of them, or none.</summary>
    /// <exception cref="DomainException"><c>reserved_kind</c> or <c>validation_failed</c>; nothing was written.</exception>
    public Task<Outcome<AcceptedEvents>> ExecuteAsync(
        IReadOnlyList<PostedEvent> events, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.PostEvents);
        if (events.Count is 0 or > MostInOnePost)
        {
            throw new ValidationException("events", $"Between 1 and {MostInOnePost} events; {events.Count} were given.");
        }

        var correlation = UnitOfWork.CurrentCorrelation;
        var drafts = new EventDraft[events.Count];
        for (var i = 0; i < drafts.Length; i++)
        {
            var posted = events[i];
            Check(posted, i);
            var (type, id) = EventSubject.Split(posted.Subject);
            drafts[i] = new EventDraft(caller.ActorId, posted.Kind, type, id, null, null, posted.Data, correlation);
        }

        return SubmitAsync(new Posting(drafts), idempotency, cancellationToken);
    }

    /// <inheritdoc />
    /// <remarks>The writing of large posts is work for more than one of the server's processes.</remarks>
    protected override int MostAtOnce => 2;

    /// <inheritdoc />
    protected override int WeightOf(Posting request) => request.Events.Length;

    /// <inheritdoc />
    protected override async Task ExecuteAsync(
        NpgsqlConnection connection, IReadOnlyList<GroupMember<Posting, AcceptedEvents>> group, List<EventDraft> events, CancellationToken cancellationToken)
    {
        var all = new List<EventDraft>(group.Count);
        foreach (var member in group)
        {
            all.AddRange(member.Request.Events);
        }

        var seqs = await EventAppender.AppendAsync(connection, all, cancellationToken);
        var next = 0;
        foreach (var member in group)
        {
            var count = member.Request.Events.Length;
            member.Result = new AcceptedEvents(count, seqs[next], seqs[next + count - 1]);
            next += count;
        }
    }

    /// <inheritdoc />
    protected override async Task<bool> TryAtOnceAsync(NpgsqlConnection connection, IReadOnlyList<GroupMember<Posting, AcceptedEvents>> group)
    {
        await using var batch = new NpgsqlBatch(connection);
        AppendPostings.AddTo(batch, group);
        await using var reader = await batch.ExecuteReaderAsync();
        await reader.NextResultAsync();
        for (var i = 0; await reader.ReadAsync(); i++)
        {
            group[i].Result = new AcceptedEvents(reader.GetInt32(0), reader.GetInt64(1), reader.GetInt64(2));
        }

        return true;
    }

    private static void Check(PostedEvent posted, int index)
    {
        if (!EventKind.IsValid(posted.Kind))
        {
            throw new ValidationException(
                $"[{index}].kind", $"'{posted.Kind}' is not a kind: it starts with a lower-case letter or digit and goes on with those, '_', '.' and '-', up to 80 in all.");
        }

        if (EventKind.IsReserved(posted.Kind))
        {
            throw new DomainException(ProblemTypes.ReservedKind, $"'{posted.Kind}' belongs to a family that only the host writes. Choose a family of your own.");
        }

        if (posted.Subject is { Length: > LongestSubject })
        {
            throw new ValidationException($"[{index}].subject", $"At the most {LongestSubject} characters; {posted.Subject.Length} were given.");
        }
    }

    /// <summary>One caller's events.</summary>
    public sealed record Posting(EventDraft[] Events);
}
