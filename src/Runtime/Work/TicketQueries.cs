using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Work;

/// <summary>A ticket as lists and pages show it.</summary>
public sealed record TicketView(
    Guid TicketId, string Key, string Title, string? Description, string? Project, int Priority, TicketState State,
    Guid CreatedBy, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, TaskCounts Tasks);

/// <summary>How a ticket's tasks stand.</summary>
public sealed record TaskCounts(int Total, int Blocked, int Ready, int Active, int WaitingHuman, int Completed, int Failed, int Cancelled);

/// <summary>Which tickets are asked for. All that is given must hold.</summary>
public sealed record TicketFilter(TicketState? State = null, string? Project = null, string? Text = null);

/// <summary>Reads tickets.</summary>
public sealed class TicketQueries(NpgsqlDataSource database)
{
    private const string Select =
        """
        select k.id, k.number, k.title, k.description, k.project, k.priority, k.state, k.created_by, k.created_at, k.updated_at,
            c.total, c.blocked, c.ready, c.active, c.waiting, c.completed, c.failed, c.cancelled
        from (select * from tickets k where {0} order by number desc limit @limit) k
        cross join lateral (
            select count(*) as total,
                count(*) filter (where state = 'blocked') as blocked, count(*) filter (where state = 'ready') as ready,
                count(*) filter (where state in ('leased', 'running')) as active, count(*) filter (where state = 'waiting_human') as waiting,
                count(*) filter (where state = 'completed') as completed, count(*) filter (where state = 'failed') as failed,
                count(*) filter (where state = 'cancelled') as cancelled
            from tasks t where t.ticket_id = k.id) c
        order by k.number desc
        """;

    /// <summary>Tickets, newest first.</summary>
    public async Task<Page<TicketView>> ListAsync(TicketFilter filter, PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command)
            .Add("k.number < @before", "before", page.AfterNumber)
            .Add("k.state = @state", "state", filter.State is { } state ? WireNames<TicketState>.ToWire(state) : null)
            .Add("k.project = @project", "project", filter.Project)
            .Add("(k.title ilike @text or k.description ilike @text)", "text", filter.Text is { } text ? $"%{Escape(text)}%" : null)
            .Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = string.Format(System.Globalization.CultureInfo.InvariantCulture, Select, where);
        return page.PageOf(await ReadAsync(command, cancellationToken), t => Ticket.NumberOf(t.Key)!.Value);
    }

    /// <summary>A ticket by its id or its key.</summary>
    public async Task<TicketView?> FindAsync(string idOrKey, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var byId = Guid.TryParseExact(idOrKey, "D", out var id);
        command.CommandText = string.Format(System.Globalization.CultureInfo.InvariantCulture, Select, byId ? "k.id = @id" : "k.number = @number");
        command.Parameters.AddWithValue("limit", 1);
        if (byId)
        {
            command.Parameters.AddWithValue("id", id);
        }
        else
        {
            command.Parameters.AddWithValue("number", Ticket.NumberOf(idOrKey) ?? 0L);
        }

        return (await ReadAsync(command, cancellationToken)).FirstOrDefault();
    }

    /// <summary>The projects that tickets name, in order.</summary>
    public async Task<IReadOnlyList<string>> ProjectsAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select project from tickets where project is not null group by project order by project limit 200");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var projects = new List<string>();
        while (await reader.ReadAsync(cancellationToken))
        {
            projects.Add(reader.GetString(0));
        }

        return projects;
    }

    /// <summary>Text in which the wildcards of <c>like</c> mean themselves.</summary>
    internal static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal);

    private static async Task<List<TicketView>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var tickets = new List<TicketView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            tickets.Add(new TicketView(
                reader.GetGuid(0), Ticket.KeyOf(reader.GetInt64(1)), reader.GetString(2), reader.TextOrNull(3), reader.TextOrNull(4), reader.GetInt16(5),
                WireNames<TicketState>.Parse(reader.GetString(6)), reader.GetGuid(7),
                reader.GetFieldValue<DateTimeOffset>(8), reader.GetFieldValue<DateTimeOffset>(9),
                new TaskCounts(
                    (int)reader.GetInt64(10), (int)reader.GetInt64(11), (int)reader.GetInt64(12), (int)reader.GetInt64(13),
                    (int)reader.GetInt64(14), (int)reader.GetInt64(15), (int)reader.GetInt64(16), (int)reader.GetInt64(17))));
        }

        return tickets;
    }
}
