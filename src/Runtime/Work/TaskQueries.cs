using System.Text.Json;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Work;

/// <summary>A task as lists show it.</summary>
public sealed record TaskView(
    Guid TaskId, Guid TicketId, string TicketKey, string Title, string[] RequiredCapabilities, Guid[] DependsOn, int Priority, TaskState State,
    int Attempt, int MaxAttempts, int LeaseSeconds, Guid? AgentId, string? AgentName, int? Percent, string? Message, string? Error,
    DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, DateTimeOffset? EndedAt, long Ordinal, LeaseInForce? Lease);

/// <summary>The lease that a task is held by. Its fencing token is its holder's alone, and stays out of lists.</summary>
public sealed record LeaseInForce(Guid LeaseId, Guid AgentId, DateTimeOffset GrantedAt, DateTimeOffset ExpiresAt);

/// <summary>A task's whole story.</summary>
public sealed record TaskDetail(
    Guid TaskId, Guid TicketId, string TicketKey, string TicketTitle, string Title, string? Instructions, string[] RequiredCapabilities, int Priority,
    TaskState State, int Attempt, int MaxAttempts, int LeaseSeconds, Guid? AgentId, string? AgentName, int? Percent, string? Message,
    JsonElement? Result, string? Error, CheckpointView? Checkpoint, Guid CreatedBy, string CreatedByName,
    DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, DateTimeOffset? EndedAt, Guid[] DependsOn,
    IReadOnlyList<TaskLink> Dependencies, IReadOnlyList<TaskLink> Dependents, IReadOnlyList<AttemptView> Attempts, IReadOnlyList<ActivityView> Activity,
    DateTimeOffset? DueAt = null);

/// <summary>What an agent saved of its work. The state is left out where only the list of checkpoints is asked for.</summary>
public sealed record CheckpointView(Guid CheckpointId, Guid LeaseId, int Attempt, int SizeBytes, DateTimeOffset CreatedAt, JsonElement? State);

/// <summary>Another task, as a link.</summary>
public sealed record TaskLink(Guid TaskId, string Title, TaskState State);

/// <summary>One holding of a task: who, when, and how it ended.</summary>
public sealed record AttemptView(
    Guid LeaseId, int Attempt, Guid AgentId, string AgentName, long FencingToken, DateTimeOffset GrantedAt, DateTimeOffset ExpiresAt,
    DateTimeOffset? EndedAt, LeaseEnd? EndReason);

/// <summary>Something that happened to a task: the event as the stream sends it, and the name of who caused it.</summary>
public sealed record ActivityView(
    long Seq, DateTimeOffset At, Guid ActorId, string? ActorName, string Kind, string? Subject, Guid? TicketId, Guid? TaskId, JsonElement Data);

/// <summary>Which tasks are asked for. All that is given must hold.</summary>
public sealed record TaskFilter(TaskState? State = null, Guid? TicketId = null, Guid? AgentId = null, string? Text = null);

/// <summary>Reads tasks.</summary>
public sealed class TaskQueries(NpgsqlDataSource database)
{
    // Enough to tell a story; what came before stays in the log, which the page links to.
    private const int MostActivity = 200;
    private const int MostCheckpoints = 50;

    private const string List =
        """
        select t.id, t.ticket_id, k.number, t.title, s.capabilities, array(select d.depends_on_id from task_dependencies d where d.task_id = t.id),
            t.priority, t.state, t.attempt, t.max_attempts, t.lease_seconds,
            t.agent_id, a.name, t.percent, t.message, t.error, t.created_at, t.updated_at, t.ended_at, t.ordinal, l.id, l.agent_id, l.granted_at, l.expires_at
        from (select * from tasks t where {0} order by {1} limit @limit) t
        join tickets k on k.id = t.ticket_id
        join capability_sets s on s.id = t.capability_set_id
        left join agents a on a.id = t.agent_id
        left join leases l on l.id = t.lease_id
        order by {1}
        """;

    private const string Find =
        """
        select t.id, t.ticket_id, k.number, k.title, t.title, t.instructions, s.capabilities, t.priority, t.state, t.attempt, t.max_attempts, t.lease_seconds,
            t.agent_id, a.name, t.percent, t.message, t.result::text, t.error, c.id, c.lease_id, c.attempt, c.size_bytes, c.created_at, case when $2 then c.state::text end, t.created_by, b.name, t.created_at, t.updated_at, t.ended_at, t.due_at
        from tasks t
        join tickets k on k.id = t.ticket_id
        join capability_sets s on s.id = t.capability_set_id
        join actors b on b.id = t.created_by
        left join agents a on a.id = t.agent_id
        left join checkpoints c on c.id = t.checkpoint_id
        where t.id = $1
        """;

    private const string Links =
        """
        select true, t.id, t.title, t.state from task_dependencies d join tasks t on t.id = d.depends_on_id where d.task_id = $1
        union all
        (select false, t.id, t.title, t.state from task_dependencies d join tasks t on t.id = d.task_id where d.depends_on_id = $1
            order by t.ordinal limit 200)
        """;

    private const string Attempts =
        """
        select l.id, l.attempt, l.agent_id, a.name, l.fencing_token, l.granted_at, l.expires_at, l.ended_at, l.end_reason
        from leases l join agents a on a.id = l.agent_id where l.task_id = $1 order by l.fencing_token
        """;

    // What each call cost is on the task's costs, and would crowd everything else out.
    private const string Activity =
        """
        select e.seq, e.at, e.actor_id, a.name, e.kind, e.subject_type, e.subject_id, e.ticket_id, e.task_id, e.data::text
        from (select * from events where task_id = $1 and kind <> 'cost.recorded' order by seq desc limit $2) e
        left join actors a on a.id = e.actor_id
        order by e.seq
        """;

    /// <summary>Tasks: of a ticket in their order, otherwise newest first.</summary>
    public async Task<Page<TaskView>> ListAsync(TaskFilter filter, PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command)
            .Add(filter.TicketId is null ? "t.ordinal < @position" : "t.ordinal > @position", "position", page.AfterNumber)
            .Add("t.state = @state", "state", filter.State is { } state ? WireNames<TaskState>.ToWire(state) : null)
            .Add("t.ticket_id = @ticket", "ticket", filter.TicketId)
            .Add("t.agent_id = @agent", "agent", filter.AgentId)
            .Add("t.title ilike @text", "text", filter.Text is { } text ? $"%{TicketQueries.Escape(text)}%" : null)
            .Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = string.Format(
            System.Globalization.CultureInfo.InvariantCulture, List, where, filter.TicketId is null ? "t.ordinal desc" : "t.ordinal");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var tasks = new List<TaskView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            tasks.Add(new TaskView(
                reader.GetGuid(0), reader.GetGuid(1), Ticket.KeyOf(reader.GetInt64(2)), reader.GetString(3), reader.GetFieldValue<string[]>(4),
                reader.GetFieldValue<Guid[]>(5), reader.GetInt16(6), WireNames<TaskState>.Parse(reader.GetString(7)), reader.GetInt32(8), reader.GetInt32(9),
                reader.GetInt32(10), reader.ValueOrNull<Guid>(11), reader.TextOrNull(12), reader.ValueOrNull<short>(13), reader.TextOrNull(14),
                reader.TextOrNull(15), reader.GetFieldValue<DateTimeOffset>(16), reader.GetFieldValue<DateTimeOffset>(17),
                reader.ValueOrNull<DateTimeOffset>(18), reader.GetInt64(19),
                reader.ValueOrNull<Guid>(20) is not { } lease ? null : new LeaseInForce(
                    lease, reader.GetGuid(21), reader.GetFieldValue<DateTimeOffset>(22), reader.GetFieldValue<DateTimeOffset>(23))));
        }

        return page.PageOf(tasks, t => t.Ordinal);
    }

    /// <summary>One task with everything that happened to it.</summary>
    /// <param name="task">Its id.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="withCheckpointState">Whether to read what is in the newest checkpoint, which can be 256 KiB.</param>
    public async Task<TaskDetail?> FindAsync(Guid task, CancellationToken cancellationToken, bool withCheckpointState = true)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection);
        foreach (var sql in new[] { Find, Links, Attempts, Activity })
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(sql) { Parameters = { new() { Value = task } } });
        }

        batch.BatchCommands[0].Parameters.Add(new NpgsqlParameter { Value = withCheckpointState });
        batch.BatchCommands[^1].Parameters.Add(new NpgsqlParameter { Value = MostActivity });
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return null;
        }

        var detail = ReadDetail(reader);
        await reader.NextResultAsync(cancellationToken);
        var links = new List<(bool Needed, TaskLink Task)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            links.Add((reader.GetBoolean(0), new TaskLink(reader.GetGuid(1), reader.GetString(2), WireNames<TaskState>.Parse(reader.GetString(3)))));
        }

        await reader.NextResultAsync(cancellationToken);
        var attempts = new List<AttemptView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            attempts.Add(new AttemptView(
                reader.GetGuid(0), reader.GetInt32(1), reader.GetGuid(2), reader.GetString(3), reader.GetInt64(4),
                reader.GetFieldValue<DateTimeOffset>(5), reader.GetFieldValue<DateTimeOffset>(6), reader.ValueOrNull<DateTimeOffset>(7),
                reader.TextOrNull(8) is { } reason ? WireNames<LeaseEnd>.Parse(reason) : null));
        }

        await reader.NextResultAsync(cancellationToken);
        var activity = new List<ActivityView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            activity.Add(new ActivityView(
                reader.GetInt64(0), reader.GetFieldValue<DateTimeOffset>(1), reader.GetGuid(2), reader.TextOrNull(3), reader.GetString(4),
                EventSubject.Join(reader.GetString(5), reader.GetString(6)), reader.ValueOrNull<Guid>(7), reader.ValueOrNull<Guid>(8),
                JsonElement.Parse(reader.GetString(9))));
        }

        return detail with
        {
            DependsOn = [.. links.Where(l => l.Needed).Select(l => l.Task.TaskId)],
            Dependencies = links.Where(l => l.Needed).Select(l => l.Task).ToList(),
            Dependents = links.Where(l => !l.Needed).Select(l => l.Task).ToList(),
            Attempts = attempts,
            Activity = activity,
        };
    }

    /// <summary>A task's checkpoints, newest first, without what is in them.</summary>
    public async Task<IReadOnlyList<CheckpointView>> CheckpointsAsync(Guid task, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "select id, lease_id, attempt, size_bytes, created_at, null::text from checkpoints where task_id = $1 order by created_at desc, id desc limit $2");
        command.Parameters.Add(new NpgsqlParameter { Value = task });
        command.Parameters.Add(new NpgsqlParameter { Value = MostCheckpoints });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var checkpoints = new List<CheckpointView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            checkpoints.Add(ReadCheckpoint(reader, 0));
        }

        return checkpoints;
    }

    /// <summary>What is in one checkpoint; null if there is no such.</summary>
    public async Task<JsonElement?> CheckpointStateAsync(Guid checkpoint, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select state::text from checkpoints where id = $1");
        command.Parameters.Add(new NpgsqlParameter { Value = checkpoint });
        return await command.ExecuteScalarAsync(cancellationToken) is string state ? JsonElement.Parse(state) : null;
    }

    private static CheckpointView ReadCheckpoint(NpgsqlDataReader reader, int first) => new(
        reader.GetGuid(first), reader.GetGuid(first + 1), reader.GetInt32(first + 2), reader.GetInt32(first + 3),
        reader.GetFieldValue<DateTimeOffset>(first + 4), reader.JsonOrNull(first + 5));

    private static TaskDetail ReadDetail(NpgsqlDataReader reader) => new(
        reader.GetGuid(0), reader.GetGuid(1), Ticket.KeyOf(reader.GetInt64(2)), reader.GetString(3), reader.GetString(4), reader.TextOrNull(5),
        reader.GetFieldValue<string[]>(6), reader.GetInt16(7), WireNames<TaskState>.Parse(reader.GetString(8)), reader.GetInt32(9), reader.GetInt32(10),
        reader.GetInt32(11), reader.ValueOrNull<Guid>(12), reader.TextOrNull(13), reader.ValueOrNull<short>(14), reader.TextOrNull(15), reader.JsonOrNull(16),
        reader.TextOrNull(17), reader.IsDBNull(18) ? null : ReadCheckpoint(reader, 18), reader.GetGuid(24), reader.GetString(25),
        reader.GetFieldValue<DateTimeOffset>(26), reader.GetFieldValue<DateTimeOffset>(27), reader.ValueOrNull<DateTimeOffset>(28), [], [], [], [], [],
        reader.ValueOrNull<DateTimeOffset>(29));
}
