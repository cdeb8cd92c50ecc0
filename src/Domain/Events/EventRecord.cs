namespace ControlCenter.Domain.Events;

/// <summary>One line of the event log: something that happened, in the order in which it happened (design.md, "The event log, precisely").</summary>
public sealed class EventRecord
{
    /// <summary>Place in the log. Grows; a number may be missing where a transaction was rolled back.</summary>
    public long Seq { get; init; }

    /// <summary>Database time at which it was written.</summary>
    public DateTimeOffset At { get; init; }

    /// <summary>Who caused it.</summary>
    public Guid ActorId { get; init; }

    /// <summary>What happened, such as <c>task.completed</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>What kind of thing it happened to; empty for a posted subject that has no type.</summary>
    public string SubjectType { get; init; } = "";

    /// <summary>Which one.</summary>
    public string SubjectId { get; init; } = "";

    /// <summary>The ticket that it belongs to.</summary>
    public Guid? TicketId { get; init; }

    /// <summary>The task that it belongs to.</summary>
    public Guid? TaskId { get; init; }

    /// <summary>The particulars: JSON on one line.</summary>
    public string Data { get; init; } = "{}";

    /// <summary>The trace of the request that caused it.</summary>
    public Guid? CorrelationId { get; init; }

    /// <summary>The subject as the bus writes it: <c>type:id</c>.</summary>
    public string? Subject => EventSubject.Join(SubjectType, SubjectId);
}

/// <summary>The two halves of a subject and their one form on the wire.</summary>
public static class EventSubject
{
    /// <summary><c>type:id</c>, the id alone where there is no type, null where there is neither.</summary>
    public static string? Join(string type, string id) => type.Length > 0 ? $"{type}:{id}" : id.Length > 0 ? id : null;

    /// <summary>Splits at the first colon, so that <see cref="Join"/> gives the same text back.</summary>
    public static (string Type, string Id) Split(string? subject)
    {
        if (string.IsNullOrEmpty(subject))
        {
            return ("", "");
        }

        var colon = subject.IndexOf(':', StringComparison.Ordinal);
        return colon <= 0 ? ("", subject) : (subject[..colon], subject[(colon + 1)..]);
    }
}
