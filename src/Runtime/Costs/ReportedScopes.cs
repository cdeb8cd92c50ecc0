using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>What is known of the tasks, tickets and agents that a report names, so that each cost gets the rest of its attribution.</summary>
/// <remarks>Founder and services may name what this bus does not know: a cost is not refused because its task is not here.</remarks>
internal sealed class ReportedScopes
{
    private readonly Dictionary<Guid, (Guid Ticket, string? Project, bool HeldByCaller, bool IsHeldNow)> _tasks = [];
    private readonly Dictionary<Guid, string?> _projects = [];
    private readonly Dictionary<Guid, (string? Host, string? Surface)> _agents = [];
    private readonly Dictionary<Guid, bool> _corrected = [];
    private readonly Caller _caller;

    private ReportedScopes(Caller caller) => _caller = caller;

    /// <summary>Looks them up, in one round trip; in none where nothing is named.</summary>
    public static async Task<ReportedScopes> FindAsync(NpgsqlDataSource database, Caller caller, IReadOnlyList<CostReport> reports, CancellationToken cancellationToken)
    {
        var found = new ReportedScopes(caller);
        if (caller.OnlyFor is null && reports.All(r => (r.TaskId ?? r.TicketId ?? r.AgentRuntimeId ?? r.Corrects) is null))
        {
            return found;
        }

        await using var command = database.CreateCommand(
            """
            select t.id, t.ticket_id, k.project,
                   exists (select from leases l where l.task_id = t.id and l.agent_id = @caller),
                   exists (select from leases l where l.task_id = t.id and l.agent_id = @caller and l.ended_at is null and l.expires_at > clock_timestamp())
            from tasks t join tickets k on k.id = t.ticket_id
            where t.id = any(@tasks) or t.id in (select task_id from leases where agent_id = @caller and ended_at is null and expires_at > clock_timestamp());
            select id, project from tickets where id = any(@tickets);
            select id, host, surface from agents where id = any(@agents);
            select i.event_id, e.corrects is not null from cost_event_ids i join cost_events e on e.at = i.at and e.event_id = i.event_id where i.event_id = any(@corrected)
            """);
        command.Parameters.AddWithValue("caller", caller.OnlyFor ?? Guid.Empty);
        command.Parameters.AddWithValue("tasks", Ids(reports, r => r.TaskId));
        command.Parameters.AddWithValue("tickets", Ids(reports, r => r.TicketId));
        command.Parameters.AddWithValue("agents", (Guid[])[.. Ids(reports, r => r.AgentRuntimeId), .. caller.OnlyFor is { } self ? new[] { self } : []]);
        command.Parameters.AddWithValue("corrected", Ids(reports, r => r.Corrects));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            found._tasks[reader.GetGuid(0)] = (reader.GetGuid(1), reader.TextOrNull(2), reader.GetBoolean(3), reader.GetBoolean(4));
        }

        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            found._projects[reader.GetGuid(0)] = reader.TextOrNull(1);
        }

        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            found._agents[reader.GetGuid(0)] = (reader.TextOrNull(1), reader.TextOrNull(2));
        }

        await reader.NextResultAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            found._corrected[reader.GetGuid(0)] = reader.GetBoolean(1);
        }

        return found;
    }

    /// <summary>For whom and for what a reported cost arose.</summary>
    /// <param name="report">The report.</param>
    /// <param name="at">Where it stands in the request.</param>
    public Attribution Of(CostReport report, string at)
    {
        if (report.Corrects is { } corrected && _corrected.GetValueOrDefault(corrected, true))
        {
            throw new ValidationException($"{at}corrects", $"'{corrected}' is no recorded cost, or a correction itself: correct what was first recorded.");
        }

        var self = _caller.OnlyFor;
        if (report.AgentRuntimeId is { } named)
        {
            _caller.RequireSelfOrAny(named);
        }

        var agent = report.AgentRuntimeId ?? self;
        var task = report.TaskId ?? (self is null || report.TicketId is not null ? null : OnlyHeldNow());
        (Guid Ticket, string? Project, bool HeldByCaller, bool IsHeldNow)? known = task is { } id && _tasks.TryGetValue(id, out var row) ? row : null;
        if (self is not null)
        {
            RequireOwn(report, known, at);
        }
        else if (known is { } of && report.TicketId is { } other && other != of.Ticket)
        {
            throw new ValidationException($"{at}ticket_id", $"Task {task} belongs to ticket {of.Ticket}, not to {other}.");
        }

        var ticket = known?.Ticket ?? report.TicketId;
        var project = known is { } held ? held.Project : ticket is { } t ? _projects.GetValueOrDefault(t) : null;
        var (host, surface) = agent is { } a ? _agents.GetValueOrDefault(a) : default;
        return new Attribution(_caller.ActorId, agent, report.SessionId, report.ActivityId, task, ticket, project, surface, report.NodeId ?? host);
    }

    // With several, none: to guess would lay the cost to the wrong task.
    private Guid? OnlyHeldNow()
    {
        var held = _tasks.Where(t => t.Value.IsHeldNow).Take(2).ToList();
        return held.Count == 1 ? held[0].Key : null;
    }

    // A report may come after the task has ended, so that a lease once held is enough.
    private void RequireOwn(CostReport report, (Guid Ticket, string? Project, bool HeldByCaller, bool IsHeldNow)? task, string at)
    {
        if (report.TaskId is { } named && task is not { HeldByCaller: true })
        {
            throw new ForbiddenException($"{at}task_id: '{_caller.Name}' has never held task {named}, so it cannot have it charged.");
        }

        if (report.TicketId is { } ticket && task?.Ticket != ticket)
        {
            throw new ForbiddenException($"{at}ticket_id: '{_caller.Name}' can charge a ticket only through a task of it that it has held. Give the task_id.");
        }
    }

    private static Guid[] Ids(IReadOnlyList<CostReport> reports, Func<CostReport, Guid?> of) => [.. reports.Select(of).OfType<Guid>().Distinct()];
}
