using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using Npgsql;

namespace ControlCenter.Runtime.Orchestration;

/// <summary>How much may be under way at once: what the founder has said, or what is good for a first run.</summary>
public sealed class AssignmentPolicies(NpgsqlDataSource database, Transactions transactions, TimeProvider time)
{
    /// <summary>The event that tells of a change.</summary>
    public const string Changed = "governor.assignment_policy_changed";

    /// <summary>The policy in force.</summary>
    public async Task<AssignmentPolicy> CurrentAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "select most_per_project, most_per_host, most_waiting_escalations, idle_agent_seconds, stalled_seconds, repeated_calls from assignment_policy");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new AssignmentPolicy(reader.GetInt32(0), reader.GetInt32(1), reader.GetInt32(2), reader.GetInt32(3), reader.GetInt32(4), reader.GetInt32(5))
            : new AssignmentPolicy();
    }

    /// <summary>Sets it; what is not said is as on the first run.</summary>
    public async Task<AssignmentPolicy> SetAsync(AssignmentPolicy policy, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ChangeBudgets);
        var errors = new FieldErrors();
        foreach (var (field, problem) in policy.Problems())
        {
            errors.Add(field, problem);
        }

        errors.ThrowIfAny();
        return await transactions.RunAsync(caller, async (unit, ct) =>
        {
            await unit.ExecuteAsync(
                """
                insert into assignment_policy (most_per_project, most_per_host, most_waiting_escalations, idle_agent_seconds, stalled_seconds, repeated_calls, updated_by)
                values (@project, @host, @escalations, @idle, @stalled, @repeated, @actor)
                on conflict (only_one) do update set most_per_project = excluded.most_per_project, most_per_host = excluded.most_per_host,
                    most_waiting_escalations = excluded.most_waiting_escalations, idle_agent_seconds = excluded.idle_agent_seconds,
                    stalled_seconds = excluded.stalled_seconds, repeated_calls = excluded.repeated_calls, updated_at = clock_timestamp(), updated_by = excluded.updated_by
                """,
                ct, ("project", policy.MostPerProject), ("host", policy.MostPerHost), ("escalations", policy.MostWaitingEscalations), ("idle", policy.IdleAgentSeconds),
                ("stalled", policy.StalledSeconds), ("repeated", policy.RepeatedCalls), ("actor", unit.Caller.ActorId));
            await AuditLog.WriteAsync(unit, time, "assignment_policy.changed", "orchestrator", policy, ct);
            unit.Record(Changed, ("host", "orchestrator"), policy);
            return policy;
        }, cancellationToken);
    }
}
