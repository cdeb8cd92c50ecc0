using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Agents;

/// <summary>An agent: what it said of itself, and what was seen of it.</summary>
public sealed record AgentView(
    Guid AgentId, string Name, string Kind, string[] Capabilities, string? Host, string? Surface, AgentActivity? State, Liveness Liveness, bool Paused,
    string? Note, int? MemoryMb, decimal? CpuPercent, DateTimeOffset? LastHeartbeatAt, DateTimeOffset CreatedAt,
    Guid? TaskId, string? TaskTitle, DateTimeOffset? LeaseExpiresAt, int Leases, int PendingInterventions);

/// <summary>A command to an agent, with its three times.</summary>
public sealed record InterventionView(
    Guid InterventionId, InterventionKind Kind, string? Text, string RequestedByName, DateTimeOffset RequestedAt, DateTimeOffset? AcknowledgedAt);

/// <summary>Reads agents. How alive one is comes from its last heartbeat and the database's clock, at the moment of reading.</summary>
public sealed class AgentQueries(NpgsqlDataSource database)
{
    private const string Select =
        """
        select a.id, a.name, a.kind, a.capabilities, a.host, a.surface, a.activity, clock_timestamp() - a.last_heartbeat_at, a.paused,
            a.note, a.memory_mb, a.cpu_percent, a.last_heartbeat_at, a.created_at, h.task_id, h.title, h.expires_at, coalesce(h.held, 0),
            (select count(*) from interventions i where i.agent_id = a.id and i.acknowledged_at is null)
        from agents a
        left join lateral (
            select t.id as task_id, t.title, l.expires_at, count(*) over () as held
            from leases l join tasks t on t.id = l.task_id
            where l.agent_id = a.id and l.ended_at is null and l.expires_at > clock_timestamp()
            order by l.granted_at desc limit 1) h on true
        where {0}
        order by a.created_at desc, a.id desc limit @limit
        """;

    /// <summary>Agents, newest first.</summary>
    public async Task<Page<AgentView>> ListAsync(PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command)
            .Add("a.created_at < @position", "position", page.Position is { } ticks ? new DateTime(ticks, DateTimeKind.Utc) : (DateTime?)null)
            .Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = string.Format(System.Globalization.CultureInfo.InvariantCulture, Select, where);
        return page.PageOf(await ReadAsync(command, cancellationToken), a => a.CreatedAt.UtcTicks);
    }

    /// <summary>One agent.</summary>
    public async Task<AgentView?> FindAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(string.Format(System.Globalization.CultureInfo.InvariantCulture, Select, "a.id = @id"));
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("limit", 1);
        return (await ReadAsync(command, cancellationToken)).FirstOrDefault();
    }

    /// <summary>The newest commands to an agent.</summary>
    public async Task<IReadOnlyList<InterventionView>> InterventionsAsync(Guid agent, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            select i.id, i.kind, i.text, a.name, i.requested_at, i.acknowledged_at
            from interventions i join actors a on a.id = i.requested_by where i.agent_id = @agent order by i.requested_at desc limit 50
            """);
        command.Parameters.AddWithValue("agent", agent);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var interventions = new List<InterventionView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            interventions.Add(new InterventionView(
                reader.GetGuid(0), WireNames<InterventionKind>.Parse(reader.GetString(1)), reader.TextOrNull(2), reader.GetString(3),
                reader.GetFieldValue<DateTimeOffset>(4), reader.ValueOrNull<DateTimeOffset>(5)));
        }

        return interventions;
    }

    private static async Task<List<AgentView>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var agents = new List<AgentView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            agents.Add(new AgentView(
                reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetFieldValue<string[]>(3), reader.TextOrNull(4), reader.TextOrNull(5),
                reader.TextOrNull(6) is { } activity ? WireNames<AgentActivity>.Parse(activity) : null, LivenessRules.Of(reader.ValueOrNull<TimeSpan>(7)),
                reader.GetBoolean(8), reader.TextOrNull(9), reader.ValueOrNull<int>(10), reader.ValueOrNull<decimal>(11), reader.ValueOrNull<DateTimeOffset>(12),
                reader.GetFieldValue<DateTimeOffset>(13), reader.ValueOrNull<Guid>(14), reader.TextOrNull(15), reader.ValueOrNull<DateTimeOffset>(16),
                (int)reader.GetInt64(17), (int)reader.GetInt64(18)));
        }

        return agents;
    }
}
