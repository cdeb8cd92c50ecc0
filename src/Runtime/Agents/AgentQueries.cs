using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Agents;

/// <summary>An agent: what it said of itself, and what was seen of it. <c>Leases</c> are the newest few of those that it holds.</summary>
public sealed record AgentView(
    Guid AgentId, string Name, string Kind, string[] Capabilities, string? Host, string? Surface, AgentActivity? State, Liveness Liveness, bool Paused,
    string? Note, int? MemoryMb, decimal? CpuPercent, DateTimeOffset? LastHeartbeatAt, DateTimeOffset CreatedAt,
    int LeasesHeld, IReadOnlyList<HeldLease> Leases, int PendingInterventions);

/// <summary>A lease in force, with the task that it is on.</summary>
public sealed record HeldLease(Guid LeaseId, Guid TaskId, string TaskTitle, DateTimeOffset GrantedAt, DateTimeOffset ExpiresAt);

/// <summary>A command to an agent, with its three times.</summary>
public sealed record InterventionView(
    Guid InterventionId, InterventionKind Kind, string? Text, string RequestedByName, DateTimeOffset RequestedAt, DateTimeOffset? AcknowledgedAt,
    DateTimeOffset? EffectiveAt = null);

/// <summary>Reads agents. How alive one is comes from its last heartbeat and the database's clock, at the moment of reading.</summary>
public sealed class AgentQueries(NpgsqlDataSource database)
{
    // Enough for what one agent does at a time; a runner of many says how many more.
    private const int MostLeases = 10;

    private const string Select =
        """
        select a.id, a.name, a.kind, a.capabilities, a.host, a.surface, a.activity, clock_timestamp() - a.last_heartbeat_at, a.paused,
            a.note, a.memory_mb, a.cpu_percent, a.last_heartbeat_at, a.created_at,
            (select count(*) from interventions i where i.agent_id = a.id and i.acknowledged_at is null)
        from agents a where {0}
        order by a.created_at desc, a.id desc limit @limit
        """;

    // Read once for a page and not once for each agent: the leases in force have an index of their own, and are few.
    private const string Held =
        """
        select agent_id, id, task_id, title, granted_at, expires_at, held
        from (
            select l.agent_id, l.id, l.task_id, t.title, l.granted_at, l.expires_at, count(*) over (partition by l.agent_id) as held,
                row_number() over (partition by l.agent_id order by l.granted_at desc, l.id) as place
            from leases l join tasks t on t.id = l.task_id
            where l.ended_at is null and l.expires_at > clock_timestamp() and l.agent_id = any(@agents)) h
        where place <= @most
        order by agent_id, place
        """;

    /// <summary>Agents, newest first.</summary>
    public async Task<Page<AgentView>> ListAsync(PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command).AddPlace("a.created_at", "a.id", "<", page.AfterPlace).Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = string.Format(System.Globalization.CultureInfo.InvariantCulture, Select, where);
        return page.PageOf(await ReadAsync(command, cancellationToken), a => new PlaceInTime(a.CreatedAt, a.AgentId));
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
            select i.id, i.kind, i.text, a.name, i.requested_at, i.acknowledged_at, i.effective_at
            from interventions i join actors a on a.id = i.requested_by where i.agent_id = @agent order by i.requested_at desc limit 50
            """);
        command.Parameters.AddWithValue("agent", agent);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var interventions = new List<InterventionView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            interventions.Add(new InterventionView(
                reader.GetGuid(0), WireNames<InterventionKind>.Parse(reader.GetString(1)), reader.TextOrNull(2), reader.GetString(3),
                reader.GetFieldValue<DateTimeOffset>(4), reader.ValueOrNull<DateTimeOffset>(5), reader.ValueOrNull<DateTimeOffset>(6)));
        }

        return interventions;
    }

    private async Task<List<AgentView>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var agents = new List<AgentView>();
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                agents.Add(new AgentView(
                    reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetFieldValue<string[]>(3), reader.TextOrNull(4), reader.TextOrNull(5),
                    reader.TextOrNull(6) is { } activity ? WireNames<AgentActivity>.Parse(activity) : null, LivenessRules.Of(reader.ValueOrNull<TimeSpan>(7)),
                    reader.GetBoolean(8), reader.TextOrNull(9), reader.ValueOrNull<int>(10), reader.ValueOrNull<decimal>(11), reader.ValueOrNull<DateTimeOffset>(12),
                    reader.GetFieldValue<DateTimeOffset>(13), 0, [], (int)reader.GetInt64(14)));
            }
        }

        var held = await HeldAsync([.. agents.Select(a => a.AgentId)], cancellationToken);
        return agents.ConvertAll(a => held.TryGetValue(a.AgentId, out var leases) ? a with { LeasesHeld = leases.Count, Leases = leases.Newest } : a);
    }

    private async Task<Dictionary<Guid, (int Count, List<HeldLease> Newest)>> HeldAsync(Guid[] agents, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Held);
        command.Parameters.AddWithValue("agents", agents);
        command.Parameters.AddWithValue("most", MostLeases);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var held = new Dictionary<Guid, (int Count, List<HeldLease> Newest)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var agent = reader.GetGuid(0);
            if (!held.TryGetValue(agent, out var leases))
            {
                held[agent] = leases = ((int)reader.GetInt64(6), []);
            }

            leases.Newest.Add(new HeldLease(
                reader.GetGuid(1), reader.GetGuid(2), reader.GetString(3), reader.GetFieldValue<DateTimeOffset>(4), reader.GetFieldValue<DateTimeOffset>(5)));
        }

        return held;
    }
}
