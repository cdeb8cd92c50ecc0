using ControlCenter.Domain.Access;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Work;

namespace ControlCenter.Runtime.Agents;

/// <summary>A sign of life.</summary>
/// <param name="State">What the agent is doing.</param>
/// <param name="MemoryMb">Resident memory, in MB.</param>
/// <param name="CpuPercent">Processor use; 100 is one core.</param>
/// <param name="Note">Anything in words.</param>
/// <param name="Leases">The leases to renew.</param>
public sealed record HeartbeatRequest(
    AgentActivity State, int? MemoryMb = null, decimal? CpuPercent = null, string? Note = null, LeaseClaim[]? Leases = null);

/// <summary>What the bus has for the agent.</summary>
public sealed record HeartbeatAnswer(AdmissionLevel Admission, IReadOnlyList<PendingIntervention> Interventions, IReadOnlyList<LeaseStanding> Leases);

/// <summary>A command that the agent has not acknowledged yet.</summary>
public sealed record PendingIntervention(Guid InterventionId, InterventionKind Kind, string? Text, DateTimeOffset RequestedAt);

/// <summary>Takes in heartbeats: what was seen of the agent, its leases' renewal, and what it is to be told, in one commit.</summary>
public sealed class RecordHeartbeat(Transactions transactions, Admission admission)
{
    private const int MostLeases = 200;

    /// <summary>Records a heartbeat.</summary>
    /// <exception cref="NotFoundException">No such agent.</exception>
    public async Task<HeartbeatAnswer> ExecuteAsync(Guid agent, HeartbeatRequest request, Caller caller, CancellationToken cancellationToken)
    {
        caller.RequireSelfOrAny(agent);
        new FieldErrors()
            .Add("note", TextRules.OptionalLongText(request.Note))
            .Add("memory_mb", request.MemoryMb is < 0 ? "Not below 0." : null)
            .Add("cpu_percent", request.CpuPercent is < 0 or > 1_000_000 ? "Between 0 and 100 for each core." : null)
            .Add("leases", request.Leases is { Length: > MostLeases } ? $"At the most {MostLeases}." : null)
            .ThrowIfAny();
        return await transactions.RunAsync(caller, (unit, ct) => RecordAsync(unit, agent, request, ct), cancellationToken);
    }

    private async Task<HeartbeatAnswer> RecordAsync(UnitOfWork unit, Guid agent, HeartbeatRequest request, CancellationToken cancellationToken)
    {
        var activity = WireNames<AgentActivity>.ToWire(request.State);
        await using (var command = unit.Command(
            """
            with before as (select id, activity, liveness from agents where id = @id for update)
            update agents a set activity = @activity, note = @note, memory_mb = coalesce(@memory, a.memory_mb),
                cpu_percent = coalesce(@cpu, a.cpu_percent), last_heartbeat_at = clock_timestamp(), liveness = 'live'
            from before where a.id = before.id
            returning before.activity, before.liveness
            """,
            ("id", agent), ("activity", activity), ("note", request.Note), ("memory", request.MemoryMb), ("cpu", request.CpuPercent)))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            if (!await reader.ReadAsync(cancellationToken))
            {
                throw new NotFoundException("agent", agent.ToString());
            }

            var liveness = reader.GetString(1);
            if (liveness != "live")
            {
                unit.Record("agent.live", ("agent", agent.ToString()), new { AgentId = agent, Before = liveness });
            }

            if (reader.IsDBNull(0) || reader.GetString(0) != activity)
            {
                unit.Record("agent.activity_changed", ("agent", agent.ToString()), new { AgentId = agent, Activity = activity, request.Note });
            }
        }

        var leases = await LeaseRenewals.RenewAsync(unit, agent, request.Leases ?? [], cancellationToken);
        return new HeartbeatAnswer(admission.Level, await PendingAsync(unit, agent, cancellationToken), leases);
    }

    private static async Task<List<PendingIntervention>> PendingAsync(UnitOfWork unit, Guid agent, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select id, kind, text, requested_at from interventions where agent_id = @agent and acknowledged_at is null order by requested_at, id limit 100",
            ("agent", agent));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var pending = new List<PendingIntervention>();
        while (await reader.ReadAsync(cancellationToken))
        {
            pending.Add(new PendingIntervention(
                reader.GetGuid(0), WireNames<InterventionKind>.Parse(reader.GetString(1)),
                reader.IsDBNull(2) ? null : reader.GetString(2), reader.GetFieldValue<DateTimeOffset>(3)));
        }

        return pending;
    }
}
