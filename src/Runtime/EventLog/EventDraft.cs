using ControlCenter.Domain.Events;

namespace ControlCenter.Runtime.EventLog;

/// <summary>An event that has not been written yet. Its place and time are given by the database.</summary>
/// <param name="ActorId">Who causes it.</param>
/// <param name="Kind">A valid kind (<see cref="EventKind"/>).</param>
/// <param name="SubjectType">What kind of thing it is about; may be empty.</param>
/// <param name="SubjectId">Which one; may be empty.</param>
/// <param name="TicketId">The ticket that it belongs to.</param>
/// <param name="TaskId">The task that it belongs to.</param>
/// <param name="Data">One JSON value.</param>
/// <param name="CorrelationId">The trace of the request.</param>
public readonly record struct EventDraft(
    Guid ActorId,
    string Kind,
    string SubjectType,
    string SubjectId,
    Guid? TicketId,
    Guid? TaskId,
    string Data,
    Guid? CorrelationId);
