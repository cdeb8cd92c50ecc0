using System.Text.Json;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Orchestration;

/// <summary>Who decides who does what.</summary>
/// <param name="Primary">The primary's machine; null where there is none just now.</param>
/// <param name="PrimaryId">Which process it is.</param>
/// <param name="Surface">How it was started.</param>
/// <param name="Epoch">How often the primary has changed: what it decides carries this number.</param>
/// <param name="Since">Since when it is.</param>
/// <param name="ExpiresAt">Until when it is, unless it says so again.</param>
/// <param name="ThisHost">Whether that is the host that answers.</param>
/// <param name="Observers">Who would take over.</param>
/// <param name="Policy">How much may be under way at once.</param>
/// <param name="WaitingTasks">Tasks that are ready and for which nobody was found, as last told.</param>
public sealed record OrchestratorView(
    string? Primary, Guid? PrimaryId, string? Surface, long Epoch, DateTimeOffset? Since, DateTimeOffset? ExpiresAt, bool ThisHost, IReadOnlyList<ObserverView> Observers,
    AssignmentPolicy Policy, IReadOnlyList<WaitingTask> WaitingTasks);

/// <summary>A host that is not the primary.</summary>
public sealed record ObserverView(Guid Id, string Name, string Surface, DateTimeOffset SeenAt);

/// <summary>A task for which nobody was found.</summary>
public sealed record WaitingTask(Guid TaskId, Guid TicketId, string TicketKey, string Title, string Reason, DateTimeOffset Since);

/// <summary>What was decided about a task.</summary>
/// <param name="AssignmentId">Which decision.</param>
/// <param name="At">When.</param>
/// <param name="Attempt">For which attempt.</param>
/// <param name="Epoch">By which primary.</param>
/// <param name="Outcome"><c>spawned</c>, <c>idle_agent</c> or <c>waits</c>.</param>
/// <param name="Reason">Why, in words.</param>
/// <param name="AgentId">Whose it is to be.</param>
/// <param name="AgentName">What that is called.</param>
/// <param name="RuntimeId">What was started for it.</param>
/// <param name="Host">Where it was expected to run.</param>
/// <param name="Score">The best candidate's.</param>
/// <param name="Candidates">Everyone who was considered, the best first.</param>
public sealed record AssignmentView(
    Guid AssignmentId, DateTimeOffset At, int Attempt, long Epoch, string Outcome, string Reason, Guid? AgentId, string? AgentName, Guid? RuntimeId, string? Host,
    decimal? Score, IReadOnlyList<AssignmentCandidate> Candidates);

/// <summary>The decisions about a task, the newest first; the newest 200 of them.</summary>
public sealed record AssignmentList(IReadOnlyList<AssignmentView> Items, string? NextCursor);

/// <summary>Reads what the orchestrator is and has decided.</summary>
public sealed class OrchestratorQueries(NpgsqlDataSource database, Primary primary, AssignmentPolicies policies)
{
    private const string Leader =
        """
        select case when expires_at > clock_timestamp() then holder_name end, case when expires_at > clock_timestamp() then holder_id end, surface, epoch, since, expires_at
        from leaderships where name = @name;
        select c.holder_id, c.holder_name, c.surface, c.seen_at from leadership_candidates c
        where c.name = @name and c.seen_at > clock_timestamp() - @gone and not exists (
            select 1 from leaderships l where l.name = c.name and l.holder_id = c.holder_id and l.expires_at > clock_timestamp())
        order by c.holder_id;
        select t.id, t.ticket_id, 'T-' || k.number, t.title, a.reason, a.at from tasks t
        join tickets k on k.id = t.ticket_id
        join lateral (select reason, at, outcome from assignments a where a.task_id = t.id and a.attempt = t.attempt order by at desc limit 1) a on a.outcome = 'waits'
        where t.state = 'ready' order by t.priority desc, t.due_at nulls last, t.ordinal limit 200
        """;

    /// <summary>How it stands.</summary>
    public async Task<OrchestratorView?> StandingAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Leader);
        command.Parameters.AddWithValue("name", PrimaryCandidate.Leadership);
        command.Parameters.AddWithValue("gone", PrimaryLease.ObserverGone);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var view = await reader.ReadAsync(cancellationToken)
            ? new OrchestratorView(
                reader.TextOrNull(0), reader.ValueOrNull<Guid>(1), reader.TextOrNull(2), reader.GetInt64(3), reader.ValueOrNull<DateTimeOffset>(4),
                reader.GetInt64(3) == 0 ? null : reader.ValueOrNull<DateTimeOffset>(5), primary.Epoch is not null, [], new AssignmentPolicy(), [])
            : new OrchestratorView(null, null, null, 0, null, null, false, [], new AssignmentPolicy(), []);
        var observers = new List<ObserverView>();
        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            observers.Add(new ObserverView(reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetFieldValue<DateTimeOffset>(3)));
        }

        var waiting = new List<WaitingTask>();
        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            waiting.Add(new WaitingTask(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetFieldValue<DateTimeOffset>(5)));
        }

        return view with { Observers = observers, Policy = await policies.CurrentAsync(cancellationToken), WaitingTasks = waiting };
    }

    /// <summary>What was decided about a task.</summary>
    /// <returns>Null where there is no such task.</returns>
    public async Task<AssignmentList?> OfTaskAsync(Guid task, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select a.id, a.at, a.attempt, a.epoch, a.outcome, a.reason, a.agent_id, g.name, a.runtime_id, h.name, a.score, a.candidates::text
            from tasks t
            left join assignments a on a.task_id = t.id
            left join agents g on g.id = a.agent_id
            left join hosts h on h.id = a.host_id
            where t.id = @task order by a.at desc limit 200
            """);
        command.Parameters.AddWithValue("task", task);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        List<AssignmentView>? items = null;
        while (await reader.ReadAsync(cancellationToken))
        {
            items ??= [];
            if (!reader.IsDBNull(0))
            {
                items.Add(new AssignmentView(
                    reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1), reader.GetInt32(2), reader.GetInt64(3), reader.GetString(4), reader.GetString(5),
                    reader.ValueOrNull<Guid>(6), reader.TextOrNull(7), reader.ValueOrNull<Guid>(8), reader.TextOrNull(9), reader.ValueOrNull<decimal>(10),
                    JsonSerializer.Deserialize<List<AssignmentCandidate>>(reader.GetString(11), WireJson.Options)!));
            }
        }

        return items is null ? null : new AssignmentList(items, null);
    }
}
