using ControlCenter.Domain.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Work;

namespace ControlCenter.Runtime.Escalations;

/// <summary>Writes a decision with everything that follows from it, for a human's verdict and for an expiry alike.</summary>
internal static class DecisionRecord
{
    /// <summary>An escalation as its decider found it, locked.</summary>
    internal sealed record Asked(
        Guid Id, EscalationKind Kind, EscalationState State, bool IsOverdue, string? ActionHash, string[] Options,
        Guid RequestedBy, Guid? TaskId, Guid? TicketId, Guid? LeaseId, string Title);

    internal static async Task<Asked> LockAsync(UnitOfWork unit, Guid id, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select kind, state, state = 'waiting' and expires_at <= clock_timestamp(), action_hash, options, requested_by, task_id, ticket_id, lease_id, title
            from escalations where id = @id for update
            """,
            ("id", id));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new Asked(
                id, WireNames<EscalationKind>.Parse(reader.GetString(0)), WireNames<EscalationState>.Parse(reader.GetString(1)), reader.GetBoolean(2),
                reader.IsDBNull(3) ? null : reader.GetString(3), reader.GetFieldValue<string[]>(4), reader.GetGuid(5),
                reader.IsDBNull(6) ? null : reader.GetGuid(6), reader.IsDBNull(7) ? null : reader.GetGuid(7),
                reader.IsDBNull(8) ? null : reader.GetGuid(8), reader.GetString(9))
            : throw new NotFoundException("escalation", id.ToString());
    }

    internal static async Task<RecordedDecision> WriteAsync(
        UnitOfWork unit, Asked asked, DecideEscalationRequest answer, TimeProvider time, CancellationToken cancellationToken)
    {
        var (state, decisionId) = (EscalationRules.StateAfter(answer.Verdict), Uuid7.New(time));
        await using var command = unit.Command(
            """
            with decided as (
                update escalations set state = @state where id = @escalation)
            insert into decisions (id, escalation_id, verdict, comment, option, action_hash, decided_by)
            values (@id, @escalation, @verdict, @comment, @option, @hash, @actor)
            returning decided_at
            """,
            ("state", WireNames<EscalationState>.ToWire(state)), ("escalation", asked.Id), ("id", decisionId),
            ("verdict", WireNames<Verdict>.ToWire(answer.Verdict)), ("comment", answer.Comment), ("option", answer.Option),
            ("hash", asked.ActionHash), ("actor", unit.Caller.ActorId));
        var at = new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync(cancellationToken))!, TimeSpan.Zero);
        if (asked is { TaskId: { } task, LeaseId: { } lease })
        {
            await HumanWait.EndAsync(unit, task, lease, await AreAskedAsync(unit, lease, asked.Id, cancellationToken), cancellationToken);
        }

        if (asked.RequestedBy == Actor.HostId)
        {
            await BudgetDecisions.ApplyAsync(unit, time, asked.Id, answer.Verdict, answer.Option, answer.Comment, cancellationToken);
        }

        unit.Record(
            answer.Verdict == Verdict.Expired ? "escalation.expired" : "escalation.decided",
            ("escalation", asked.Id.ToString()),
            new
            {
                EscalationId = asked.Id, AgentId = asked.RequestedBy, answer.Verdict, answer.Comment, answer.Option, asked.ActionHash,
                DecidedBy = unit.Caller.Name, asked.Title,
            },
            asked.TicketId, asked.TaskId);
        return new RecordedDecision(
            decisionId, asked.Id, answer.Verdict, state, answer.Comment, answer.Option, asked.ActionHash, unit.Caller.ActorId, at);
    }

    /// <summary>Whether anything is still asked under a lease, but for one question.</summary>
    internal static async Task<bool> AreAskedAsync(UnitOfWork unit, Guid lease, Guid? but, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select exists (select 1 from escalations where lease_id = @lease and state = 'waiting' and id <> @id)", ("lease", lease), ("id", but ?? Guid.Empty));
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
