using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Escalations;

/// <summary>Asks a human to step in where a task has used up its attempts: a reader of the log, so that it happens once for each, whatever dies (bus-api.md, Work).</summary>
public sealed class EscalateExhaustedTasks(
    NpgsqlDataSource database, EventFeed feed, Transactions transactions, TimeProvider time, ILogger<EscalateExhaustedTasks> logger)
    : LogReader("exhausted-tasks", new EventFilter("task.failed"), database, feed, transactions, time, logger)
{
    // Long enough that a founder who is away over a long weekend still finds it open.
    private const int ExpiryDays = 30;

    /// <inheritdoc />
    protected override async Task HandleAsync(UnitOfWork unit, EventRecord record, CancellationToken cancellationToken)
    {
        using var data = JsonDocument.Parse(record.Data);
        if (!data.RootElement.TryGetProperty("exhausted", out var exhausted) || !exhausted.GetBoolean())
        {
            return;
        }

        var id = Uuid7.New(Time);
        var kind = WireNames<EscalationKind>.ToWire(EscalationKind.Intervention);
        await using var command = unit.Command(
            """
            insert into escalations (id, kind, title, detail, task_id, ticket_id, requested_by, options, state, expires_at)
            select @id, @kind, left('Task failed after ' || t.attempt || ' of ' || t.max_attempts || ' attempts: ' || t.title, 500),
                t.error, t.id, t.ticket_id, @host, '{}', 'waiting', clock_timestamp() + make_interval(days => @days)
            from tasks t where t.id = @task
            returning title
            """,
            ("id", id), ("kind", kind), ("host", Actor.HostId), ("days", ExpiryDays), ("task", record.TaskId));
        var title = (string)(await command.ExecuteScalarAsync(cancellationToken))!;
        unit.Record(
            "escalation.opened", ("escalation", id.ToString()),
            new { EscalationId = id, Kind = kind, Title = title, AgentId = Actor.HostId }, record.TicketId, record.TaskId);
    }
}
