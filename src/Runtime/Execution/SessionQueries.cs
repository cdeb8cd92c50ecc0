using System.Globalization;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Execution;

/// <summary>A conversation, which can outlive the runtimes that carried it.</summary>
/// <param name="SessionId">Which.</param>
/// <param name="AgentId">Whose.</param>
/// <param name="AgentName">Its name.</param>
/// <param name="Adapter">Of which kind.</param>
/// <param name="TaskId">What it was for.</param>
/// <param name="TaskTitle">That task's title.</param>
/// <param name="NativeSessionId">What the agent's own program calls it.</param>
/// <param name="HostId">The host that holds what that program keeps of it.</param>
/// <param name="PredecessorId">The session whose place it took.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Continuity">How sure it was that going on loses nothing, 0 to 1; null while it has not been interrupted.</param>
/// <param name="ContinuityReasons">Why.</param>
/// <param name="CreatedAt">When it began.</param>
/// <param name="EndedAt">When it was over.</param>
/// <param name="Runtimes">How many runtimes carried it.</param>
public sealed record SessionView(
    Guid SessionId, Guid AgentId, string AgentName, string Adapter, Guid? TaskId, string? TaskTitle, string? NativeSessionId, Guid? HostId, Guid? PredecessorId,
    SessionState State, decimal? Continuity, string[] ContinuityReasons, DateTimeOffset CreatedAt, DateTimeOffset? EndedAt, int Runtimes);

/// <summary>Which sessions are asked for.</summary>
/// <param name="State">In this state.</param>
/// <param name="Agent">Of this agent.</param>
/// <param name="Task">For this task.</param>
public sealed record SessionFilter(SessionState? State = null, Guid? Agent = null, Guid? Task = null);

/// <summary>Reads sessions.</summary>
public sealed class SessionQueries(NpgsqlDataSource database)
{
    private const string Select =
        """
        select s.id, s.agent_id, a.name, s.adapter, s.task_id, t.title, s.native_session_id, s.host_id, s.predecessor_id, s.state, s.continuity, s.continuity_reasons,
            s.created_at, s.ended_at, (select count(*) from runtimes r where r.session_id = s.id)
        from sessions s join agents a on a.id = s.agent_id left join tasks t on t.id = s.task_id
        where {0}
        order by s.created_at desc, s.id desc limit @limit
        """;

    /// <summary>Sessions, newest first.</summary>
    public async Task<Page<SessionView>> ListAsync(SessionFilter filter, PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command)
            .Add("s.state = @state", "state", filter.State?.Wire())
            .Add("s.agent_id = @agent", "agent", filter.Agent)
            .Add("s.task_id = @task", "task", filter.Task)
            .AddPlace("s.created_at", "s.id", "<", page.AfterPlace).Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = string.Format(CultureInfo.InvariantCulture, Select, where);
        return page.PageOf(await ReadAsync(command, cancellationToken), s => new PlaceInTime(s.CreatedAt, s.SessionId));
    }

    /// <summary>One session.</summary>
    public async Task<SessionView?> FindAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(string.Format(CultureInfo.InvariantCulture, Select, "s.id = @id"));
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("limit", 1);
        return (await ReadAsync(command, cancellationToken)).FirstOrDefault();
    }

    private static async Task<List<SessionView>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var sessions = new List<SessionView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            sessions.Add(new SessionView(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.GetString(3), reader.ValueOrNull<Guid>(4), reader.TextOrNull(5), reader.TextOrNull(6),
                reader.ValueOrNull<Guid>(7), reader.ValueOrNull<Guid>(8), WireNames<SessionState>.Parse(reader.GetString(9)), reader.ValueOrNull<decimal>(10),
                reader.GetFieldValue<string[]>(11), reader.GetFieldValue<DateTimeOffset>(12), reader.ValueOrNull<DateTimeOffset>(13), (int)reader.GetInt64(14)));
        }

        return sessions;
    }
}
