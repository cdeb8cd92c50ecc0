using System.Text.Json;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Work;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Execution;

/// <summary>Does with an uncertain session what a human decided of it.</summary>
public sealed class FollowContinuity(
    NpgsqlDataSource database, EventFeed feed, Transactions transactions, TimeProvider time, ILogger<FollowContinuity> logger)
    : LogReader("session-decisions", new EventFilter("escalation."), database, feed, transactions, time, logger)
{
    /// <inheritdoc />
    protected override async Task HandleAsync(UnitOfWork unit, EventRecord record, CancellationToken cancellationToken)
    {
        if (record.Kind is not ("escalation.decided" or "escalation.expired")
            || await SessionOfAsync(unit, record.SubjectId, cancellationToken) is not { } session)
        {
            return;
        }

        using var data = JsonDocument.Parse(record.Data);
        var choice = ChoiceOf(data.RootElement.GetProperty("verdict").GetString(), data.RootElement.GetProperty("option").GetString());
        var state = choice == ContinuityChoice.GoOn ? SessionState.Interrupted : SessionState.Ended;
        await unit.ExecuteAsync(
            "update sessions set state = @state, ended_at = case when @state = 'ended' then clock_timestamp() end where id = @id",
            cancellationToken, ("id", session), ("state", state.Wire()));
        if (choice == ContinuityChoice.Cancel && record.TaskId is { } task)
        {
            await CancelAsync(unit, task, cancellationToken);
        }

        unit.Record("runtime.session_decided", ("session", session.ToString()), new { SessionId = session, Choice = choice }, record.TicketId, record.TaskId);
    }

    private static string ChoiceOf(string? verdict, string? option) =>
        verdict is "denied" or "expired" ? ContinuityChoice.Cancel : option ?? ContinuityChoice.GoOn;

    private static async Task CancelAsync(UnitOfWork unit, Guid task, CancellationToken cancellationToken)
    {
        try
        {
            await CancelTask.WithinAsync(unit, task, "It was interrupted, and a human did not let it go on.", cancellationToken);
        }
        catch (ConflictException)
        {
            // It ended by another hand meanwhile: there is nothing left to cancel.
        }
    }

    private static async Task<Guid?> SessionOfAsync(UnitOfWork unit, string escalation, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select s.id from escalations e join sessions s on s.id = (e.action::jsonb ->> 'session_id')::uuid
            where e.id = @id::uuid and e.kind = 'intervention' and e.requested_by = @host and s.state = 'uncertain'
            for no key update of s
            """,
            ("id", escalation), ("host", Domain.Access.Actor.HostId));
        return await command.ExecuteScalarAsync(cancellationToken) as Guid?;
    }
}
