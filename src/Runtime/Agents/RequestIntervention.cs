using ControlCenter.Domain.Access;
using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Agents;

/// <summary>A command to an agent.</summary>
/// <param name="Kind">What it is to do.</param>
/// <param name="Text">The message, which a <c>message</c> must have, or the reason.</param>
public sealed record InterventionRequest(InterventionKind Kind, string? Text = null);

/// <summary>The command as it was kept.</summary>
public sealed record RequestedIntervention(Guid InterventionId, Guid AgentId, InterventionKind Kind, string? Text, DateTimeOffset RequestedAt);

/// <summary>Sends a running agent a command: on its stream at once, and with each heartbeat until it says that it has it.</summary>
public sealed class RequestIntervention(Transactions transactions, HeldAgents held, TimeProvider time)
{
    /// <summary>Sends a command.</summary>
    /// <remarks>A pause, and a stop until it is acknowledged, also keep the bus from handing the agent new work; and both keep it from spending.</remarks>
    /// <exception cref="NotFoundException">No such agent.</exception>
    public async Task<Outcome<RequestedIntervention>> ExecuteAsync(
        Guid agent, InterventionRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.Intervene);
        new FieldErrors()
            .Add("text", request.Kind == InterventionKind.Message ? TextRules.LongText(request.Text) : TextRules.OptionalLongText(request.Text))
            .ThrowIfAny();
        var outcome = await transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var found = await unit.ExecuteAsync(
                "update agents set paused = case @kind when 'pause' then true when 'resume' then false else paused end where id = @id",
                ct, ("id", agent), ("kind", WireNames<InterventionKind>.ToWire(request.Kind)));
            if (found == 0)
            {
                throw new NotFoundException("agent", agent.ToString());
            }

            var id = Uuid7.New(time);
            await using var insert = unit.Command(
                """
                insert into interventions (id, agent_id, kind, text, requested_by) values (@id, @agent, @kind, @text, @actor)
                returning requested_at
                """,
                ("id", id), ("agent", agent), ("kind", WireNames<InterventionKind>.ToWire(request.Kind)), ("text", request.Text), ("actor", unit.Caller.ActorId));
            var at = new DateTimeOffset((DateTime)(await insert.ExecuteScalarAsync(ct))!, TimeSpan.Zero);
            unit.Record(
                "intervention.requested", ("intervention", id.ToString()),
                new { AgentId = agent, InterventionId = id, request.Kind, request.Text, RequestedBy = unit.Caller.Name });
            if (request.Kind is InterventionKind.Pause or InterventionKind.Resume)
            {
                unit.Record(request.Kind == InterventionKind.Pause ? "agent.paused" : "agent.resumed", ("agent", agent.ToString()), new { AgentId = agent });
            }

            return new RequestedIntervention(id, agent, request.Kind, request.Text, at);
        }, cancellationToken);

        // In force here with the answer, and not only when the log's word of it has come round.
        held.Suspect(agent);
        return outcome;
    }
}
