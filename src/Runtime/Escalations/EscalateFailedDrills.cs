using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Escalations;

/// <summary>Asks the founder to see to it, once a restore drill has failed for the second time in a row (blueprint 10.8). Each failure is an alert; the question is asked once.</summary>
public sealed class EscalateFailedDrills(
    NpgsqlDataSource database, EventFeed feed, Transactions transactions, TimeProvider time, ILogger<EscalateFailedDrills> logger)
    : LogReader("failed-drills", new EventFilter("backup.restore_drill.failed"), database, feed, transactions, time, logger)
{
    // Longer than until the next monthly drill, which waits for the answer.
    private const int ExpiryDays = 40;

    /// <inheritdoc />
    protected override async Task HandleAsync(UnitOfWork unit, EventRecord record, CancellationToken cancellationToken)
    {
        using var data = JsonDocument.Parse(record.Data);
        var inARow = data.RootElement.GetProperty("in_a_row").GetInt32();
        if (inARow != DrillRules.EscalatedAfter)
        {
            return;
        }

        var scenario = data.RootElement.GetProperty("scenario").GetString()!.Replace('_', ' ');
        var id = Uuid7.New(Time);
        var kind = WireNames<EscalationKind>.ToWire(EscalationKind.Intervention);
        var title = $"The restore drill of '{scenario}' has failed {inARow} times in a row";
        await unit.ExecuteAsync(
            """
            insert into escalations (id, kind, title, detail, requested_by, options, state, expires_at)
            values (@id, @kind, left(@title, 500), @detail, @host, '{}', 'waiting', clock_timestamp() + make_interval(days => @days))
            """,
            cancellationToken, ("id", id), ("kind", kind), ("title", title), ("days", ExpiryDays), ("host", Actor.HostId),
            ("detail", $"{data.RootElement.GetProperty("problem").GetString()}\n\nUntil it passes it is not proven that what is backed up can be restored. Its steps, and where its root cause is recorded, are at /recovery"));
        unit.Record("escalation.opened", ("escalation", id.ToString()), new { EscalationId = id, Kind = kind, Title = title, AgentId = Actor.HostId, DrillId = data.RootElement.GetProperty("drill_id").GetGuid() });
    }
}
