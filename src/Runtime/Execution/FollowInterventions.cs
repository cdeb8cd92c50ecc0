using System.Text.Json;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Execution;

/// <summary>Has the runtime of an agent do what the agent was told: a reader of the log, so that each command counts once, whatever dies.</summary>
public sealed class FollowInterventions(
    NpgsqlDataSource database, EventFeed feed, Transactions transactions, TimeProvider time, ILogger<FollowInterventions> logger)
    : LogReader("runtime-interventions", new EventFilter("intervention.requested"), database, feed, transactions, time, logger)
{
    /// <inheritdoc />
    protected override async Task HandleAsync(UnitOfWork unit, EventRecord record, CancellationToken cancellationToken)
    {
        using var data = JsonDocument.Parse(record.Data);
        var kind = WireNames<InterventionKind>.Parse(data.RootElement.GetProperty("kind").GetString()!);

        // What was said before a runtime was asked for was not said to it.
        if (kind == InterventionKind.Message || await HeldRuntime.FindAsync(
            unit, "r.agent_id = @agent and r.requested_at <= @at", cancellationToken,
            ("agent", data.RootElement.GetProperty("agent_id").GetGuid()), ("at", record.At.UtcDateTime)) is not [var runtime])
        {
            return;
        }

        if (kind == InterventionKind.Stop)
        {
            await StopTree.WithinAsync(unit, runtime.Id, $"{runtime.AgentName} was told to stop.", cancellationToken);
            return;
        }

        var desired = kind == InterventionKind.Pause ? DesiredState.Pause : DesiredState.Run;
        if (runtime.Desired == DesiredState.Stop || runtime.Desired == desired)
        {
            return;
        }

        await unit.ExecuteAsync("update runtimes set desired = @desired where id = @id", cancellationToken, ("id", runtime.Id), ("desired", desired.Wire()));
        unit.Record(
            "runtime.desired_changed", runtime.Subject, new { RuntimeId = runtime.Id, runtime.AgentId, runtime.HostId, Desired = desired, Before = runtime.Desired },
            runtime.TicketId, runtime.TaskId);
    }
}
