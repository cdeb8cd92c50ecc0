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

/// <summary>Asks a human to look at an agent that stands still or goes in circles: once for each standstill.</summary>
public sealed class EscalateStuckRuntimes(
    NpgsqlDataSource database, EventFeed feed, Transactions transactions, TimeProvider time, ILogger<EscalateStuckRuntimes> logger)
    : LogReader("stuck-runtimes", new EventFilter("runtime.stuck"), database, feed, transactions, time, logger)
{
    /// <inheritdoc />
    protected override async Task HandleAsync(UnitOfWork unit, EventRecord record, CancellationToken cancellationToken)
    {
        using var data = JsonDocument.Parse(record.Data);
        var (agent, reason, runtime) = (Text(data, "agent_name"), Text(data, "reason"), Text(data, "runtime_id"));
        var id = Uuid7.New(Time);
        var kind = WireNames<EscalationKind>.ToWire(EscalationKind.Intervention);
        var title = $"{agent} seems to be stuck";
        await unit.ExecuteAsync(
            """
            insert into escalations (id, kind, title, detail, task_id, ticket_id, requested_by, options, state, expires_at)
            values (@id, @kind, left(@title, 500), @detail, @task, @ticket, @host, '{}', 'waiting', clock_timestamp() + interval '1 day')
            """,
            cancellationToken, ("id", id), ("kind", kind), ("title", title),
            ("detail", $"{reason}.\n\nIts output, and what can be done (message, pause, stop), is at /runtimes/{runtime}"), ("task", record.TaskId), ("ticket", record.TicketId), ("host", Actor.HostId));
        unit.Record(
            "escalation.opened", ("escalation", id.ToString()), new { EscalationId = id, Kind = kind, Title = title, AgentId = Actor.HostId, RuntimeId = runtime }, record.TicketId, record.TaskId);
    }

    private static string Text(JsonDocument data, string field) => data.RootElement.GetProperty(field).GetString()!;
}
