using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Json;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Escalations;

/// <summary>Asks a human where it cannot be told whether an interrupted session may be gone on with: once for each, whatever dies (OR-17).</summary>
public sealed class EscalateUncertainSessions(
    NpgsqlDataSource database, EventFeed feed, Transactions transactions, TimeProvider time, ILogger<EscalateUncertainSessions> logger)
    : LogReader("uncertain-sessions", new EventFilter("runtime.session_uncertain"), database, feed, transactions, time, logger)
{
    // Long enough that a founder who is away over a long weekend still finds it open.
    private const int ExpiryDays = 30;

    /// <inheritdoc />
    protected override async Task HandleAsync(UnitOfWork unit, EventRecord record, CancellationToken cancellationToken)
    {
        using var data = JsonDocument.Parse(record.Data);
        var session = data.RootElement.GetProperty("session_id").GetGuid();
        var agent = data.RootElement.GetProperty("agent_name").GetString();
        var reasons = data.RootElement.GetProperty("reasons").EnumerateArray().Select(r => r.GetString());
        var id = Uuid7.New(Time);
        var action = JsonSerializer.SerializeToElement(new { SessionId = session }, WireJson.Options);
        await using var command = unit.Command(
            """
            insert into escalations (id, kind, title, detail, task_id, ticket_id, requested_by, action, action_hash, options, state, expires_at)
            select @id, @kind, left('Can ' || @agent || ' go on? ' || t.title, 500), @detail, t.id, t.ticket_id, @host, @action, @hash, @options, 'waiting',
                clock_timestamp() + make_interval(days => @days)
            from tasks t where t.id = @task
            returning title, expires_at
            """,
            ("id", id), ("kind", EscalationKind.Intervention.Wire()), ("agent", agent), ("detail", Explain(reasons)), ("host", Actor.HostId),
            ("action", action.GetRawText()), ("hash", ActionHash.Of(action)), ("options", ContinuityChoice.All.ToArray()), ("days", ExpiryDays), ("task", record.TaskId));
        string title;
        DateTimeOffset expiresAt;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            (title, expiresAt) = (reader.GetString(0), reader.GetFieldValue<DateTimeOffset>(1));
        }

        unit.Record(
            "escalation.opened", ("escalation", id.ToString()),
            new { EscalationId = id, Kind = EscalationKind.Intervention, Title = title, AgentId = Actor.HostId, ActionHash = ActionHash.Of(action), ExpiresAt = expiresAt },
            record.TicketId, record.TaskId);
    }

    private static string Explain(IEnumerable<string?> reasons) =>
        $"""
        Its process ended before its task did, and the task is not started again until this is decided.
        {string.Join('\n', reasons.Select(r => $"- {r}"))}

        {ContinuityChoice.GoOn}: the next one goes on from what is left of the session.
        {ContinuityChoice.BeginAnew}: the next one begins with a session of its own, and the task's last checkpoint if there is one.
        {ContinuityChoice.Cancel}: nothing more is done; the same if nobody answers within {ExpiryDays} days.
        """;
}
