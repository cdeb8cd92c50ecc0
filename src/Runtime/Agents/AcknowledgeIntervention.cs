using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Agents;

/// <summary>A command that an agent says it has.</summary>
public sealed record AcknowledgedIntervention(Guid InterventionId, Guid AgentId, DateTimeOffset AcknowledgedAt);

/// <summary>Takes in an agent's word that it has a command; said again, the first time stands.</summary>
public sealed class AcknowledgeIntervention(Transactions transactions)
{
    /// <summary>Acknowledges a command.</summary>
    /// <exception cref="NotFoundException">No such command.</exception>
    /// <exception cref="ForbiddenException">It is another agent's.</exception>
    public Task<Outcome<AcknowledgedIntervention>> ExecuteAsync(
        Guid intervention, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken) =>
        transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var (agent, acknowledged) = await LockAsync(unit, intervention, ct);
            unit.Caller.RequireSelfOrAny(agent);
            if (acknowledged is { } before)
            {
                return new AcknowledgedIntervention(intervention, agent, before);
            }

            await using var update = unit.Command(
                "update interventions set acknowledged_at = clock_timestamp() where id = @id returning acknowledged_at", ("id", intervention));
            var at = new DateTimeOffset((DateTime)(await update.ExecuteScalarAsync(ct))!, TimeSpan.Zero);
            unit.Record("intervention.acknowledged", ("intervention", intervention.ToString()), new { AgentId = agent, InterventionId = intervention });
            return new AcknowledgedIntervention(intervention, agent, at);
        }, cancellationToken);

    private static async Task<(Guid Agent, DateTimeOffset? Acknowledged)> LockAsync(UnitOfWork unit, Guid intervention, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select agent_id, acknowledged_at from interventions where id = @id for update", ("id", intervention));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? (reader.GetGuid(0), reader.IsDBNull(1) ? null : reader.GetFieldValue<DateTimeOffset>(1))
            : throw new NotFoundException("intervention", intervention.ToString());
    }
}
