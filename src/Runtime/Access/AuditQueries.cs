using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Access;

/// <summary>A line of the audit, with the names that its ids had when it was read.</summary>
public sealed record AuditView(
    Guid EntryId, DateTimeOffset At, Guid? ActorId, string? ActorName, string Action, AuditOutcome Outcome, string? Subject, string? SubjectName,
    JsonElement? Detail, Guid? CorrelationId);

/// <summary>Which lines of the audit.</summary>
/// <param name="ActorId">Only of this actor.</param>
/// <param name="ActorName">Only of actors whose name has this in it, in whatever case.</param>
/// <param name="Action">Only this action, or a family of them: <c>key.</c></param>
/// <param name="Outcome">Only what ended so.</param>
public sealed record AuditFilter(Guid? ActorId = null, string? ActorName = null, string? Action = null, AuditOutcome? Outcome = null);

/// <summary>Reads the audit. Only for those who may.</summary>
public sealed class AuditQueries(NpgsqlDataSource database)
{
    private const string Refused = ".refused";

    /// <summary>Lines, newest first.</summary>
    public async Task<Page<AuditView>> ListAsync(AuditFilter filter, PageRequest page, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ReadAudit);
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command)
            .Add("e.actor_id = @actor", "actor", filter.ActorId)
            .Add("position(lower(@name) in lower(a.name)) > 0", "name", filter.ActorName)
            .Add(filter.Action is [.., '.'] ? "starts_with(e.action, @action)" : "e.action = @action", "action", filter.Action)
            .Add("(right(e.action, 8) = '.refused') = @refused", "refused", filter.Outcome is { } outcome ? outcome == AuditOutcome.Refused : (bool?)null)
            .AddPlace("e.at", "e.id", "<", page.AfterPlace).Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText =
            $"""
            select e.id, e.at, e.actor_id, a.name, e.action, e.subject, s.name, e.detail, e.correlation_id
            from audit_entries e left join actors a on a.id = e.actor_id
                left join actors s on s.id = case when starts_with(e.subject, 'actor:') then substr(e.subject, 7)::uuid end
            where {where}
            order by e.at desc, e.id desc limit @limit
            """;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var lines = new List<AuditView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var action = reader.GetString(4);
            lines.Add(new AuditView(
                reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1), reader.ValueOrNull<Guid>(2), reader.TextOrNull(3), action,
                action.EndsWith(Refused, StringComparison.Ordinal) ? AuditOutcome.Refused : AuditOutcome.Done,
                reader.TextOrNull(5), reader.TextOrNull(6), reader.JsonOrNull(7), reader.ValueOrNull<Guid>(8)));
        }

        return page.PageOf(lines, l => new PlaceInTime(l.At, l.EntryId));
    }
}
