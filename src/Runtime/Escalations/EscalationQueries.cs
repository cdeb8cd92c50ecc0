using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Escalations;

/// <summary>An escalation with its decision, if there is one. <c>Blocks</c> counts the unfinished tasks that wait for its task.</summary>
public sealed record EscalationView(
    Guid EscalationId, EscalationKind Kind, string Title, string? Detail, Guid? TaskId, string? TaskTitle, Guid? TicketId, string? TicketKey, Guid? LeaseId,
    Guid RequestedBy, string RequestedByName, Role RequestedByRole, JsonElement? Action, string? ActionHash, string[] Options, EscalationState State,
    DateTimeOffset OpenedAt, DateTimeOffset ExpiresAt, bool LeaseLost, int Blocks, DecisionView? Decision);

/// <summary>The answer.</summary>
public sealed record DecisionView(
    Guid DecisionId, Verdict Verdict, string? Comment, string? Option, string? ActionHash, Guid DecidedBy, string DecidedByName, DateTimeOffset DecidedAt);

/// <summary>What waits, in three numbers (ES-10).</summary>
/// <param name="Waiting">How many wait.</param>
/// <param name="OldestOpenedAt">Since when the longest has waited.</param>
/// <param name="TasksHeld">How many tasks wait with them: an agent holds them, and does not go on before it has its answer.</param>
public sealed record EscalationSummary(int Waiting, DateTimeOffset? OldestOpenedAt, int TasksHeld);

/// <summary>Which escalations are asked for. All that is given must hold.</summary>
public sealed record EscalationFilter(EscalationState? State = null, EscalationKind? Kind = null, Guid? TaskId = null, Guid? RequestedBy = null, bool Decided = false);

/// <summary>Reads escalations.</summary>
public sealed class EscalationQueries(NpgsqlDataSource database)
{
    private const string Select =
        """
        select e.id, e.kind, e.title, e.detail, e.task_id, t.title, e.ticket_id, k.number, e.lease_id, e.requested_by, r.name, r.role,
            e.action, e.action_hash, e.options, e.state, e.opened_at, e.expires_at,
            e.lease_id is not null and (l.ended_at is not null or l.expires_at <= clock_timestamp()),
            (select count(*) from task_dependencies n join tasks w on w.id = n.task_id where n.depends_on_id = e.task_id and w.state = 'blocked'),
            d.id, d.verdict, d.comment, d.option, d.action_hash, d.decided_by, b.name, d.decided_at
        from (select * from escalations e where {0} order by {1} limit @limit) e
        join actors r on r.id = e.requested_by
        left join tasks t on t.id = e.task_id
        left join tickets k on k.id = e.ticket_id
        left join leases l on l.id = e.lease_id
        left join decisions d on d.escalation_id = e.id
        left join actors b on b.id = d.decided_by
        order by {1}
        """;

    /// <summary>Escalations: those that wait with the oldest first, all others with the newest first.</summary>
    public async Task<Page<EscalationView>> ListAsync(EscalationFilter filter, PageRequest page, CancellationToken cancellationToken)
    {
        var oldestFirst = filter.State == EscalationState.Waiting;
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command)
            .AddPlace("e.opened_at", "e.id", oldestFirst ? ">" : "<", page.AfterPlace)
            .Add("e.state = @state", "state", filter.State is { } state ? WireNames<EscalationState>.ToWire(state) : null)
            .Add("e.state <> @waiting", "waiting", filter.Decided ? "waiting" : null)
            .Add("e.kind = @kind", "kind", filter.Kind is { } kind ? WireNames<EscalationKind>.ToWire(kind) : null)
            .Add("e.task_id = @task", "task", filter.TaskId)
            .Add("e.requested_by = @by", "by", filter.RequestedBy)
            .Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = Statement(where, oldestFirst ? "e.opened_at, e.id" : "e.opened_at desc, e.id desc");
        return page.PageOf(await ReadAsync(command, cancellationToken), e => new PlaceInTime(e.OpenedAt, e.EscalationId));
    }

    /// <summary>One escalation.</summary>
    public async Task<EscalationView?> FindAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Statement("e.id = @id", "e.id"));
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("limit", 1);
        return (await ReadAsync(command, cancellationToken)).FirstOrDefault();
    }

    /// <summary>What waits.</summary>
    public async Task<EscalationSummary> SummaryAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select count(*), min(e.opened_at), count(distinct l.task_id)
            from escalations e left join leases l on l.id = e.lease_id and l.ended_at is null and l.expires_at > clock_timestamp()
            where e.state = 'waiting'
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new EscalationSummary((int)reader.GetInt64(0), reader.ValueOrNull<DateTimeOffset>(1), (int)reader.GetInt64(2));
    }

    private static string Statement(string where, string order) =>
        string.Format(System.Globalization.CultureInfo.InvariantCulture, Select, where, order);

    private static async Task<List<EscalationView>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var escalations = new List<EscalationView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            escalations.Add(new EscalationView(
                reader.GetGuid(0), WireNames<EscalationKind>.Parse(reader.GetString(1)), reader.GetString(2), reader.TextOrNull(3),
                reader.ValueOrNull<Guid>(4), reader.TextOrNull(5), reader.ValueOrNull<Guid>(6), reader.ValueOrNull<long>(7) is { } number ? Ticket.KeyOf(number) : null,
                reader.ValueOrNull<Guid>(8), reader.GetGuid(9), reader.GetString(10), WireNames<Role>.Parse(reader.GetString(11)),
                reader.JsonOrNull(12), reader.TextOrNull(13), reader.GetFieldValue<string[]>(14), WireNames<EscalationState>.Parse(reader.GetString(15)),
                reader.GetFieldValue<DateTimeOffset>(16), reader.GetFieldValue<DateTimeOffset>(17), reader.GetBoolean(18), (int)reader.GetInt64(19),
                reader.ValueOrNull<Guid>(20) is not { } decision ? null : new DecisionView(
                    decision, WireNames<Verdict>.Parse(reader.GetString(21)), reader.TextOrNull(22), reader.TextOrNull(23), reader.TextOrNull(24),
                    reader.GetGuid(25), reader.GetString(26), reader.GetFieldValue<DateTimeOffset>(27))));
        }

        return escalations;
    }
}
