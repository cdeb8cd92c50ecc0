using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Execution;

/// <summary>A runtime as a list shows it. Memory is in MB; CPU 100 is one core.</summary>
public sealed record RuntimeView(
    Guid RuntimeId, Guid AgentId, string AgentName, string Definition, string Adapter, Guid SessionId, Guid? TaskId, string? TaskTitle, Guid? ParentId, int Depth,
    int Priority, RuntimePhase Phase, DesiredState Desired, DateTimeOffset RequestedAt, DateTimeOffset? GrantedAt, DateTimeOffset? ObservedAt, DateTimeOffset? ReadyAt,
    DateTimeOffset? PausedAt, DateTimeOffset? EndedAt, string? WaitsFor, Guid? HostId, string? Host, int? Pid, int? MemoryMb, int? PeakMemoryMb, decimal? CpuPercent,
    long OutputLines, long DroppedLines, int Turns, DateTimeOffset? ProgressAt, int RepeatedCalls, string? LastTool, DateTimeOffset? SeenAt, RuntimeEnd? End,
    int? ExitCode, string? EndDetail, string? Reason);

/// <summary>One runtime with what belongs to it.</summary>
/// <param name="Runtime">The runtime.</param>
/// <param name="DefinitionVersion">By which version it was started.</param>
/// <param name="Definition">The definition as it was then, within its parent's limits.</param>
/// <param name="Message">What it was told first.</param>
/// <param name="RequestedBy">Who asked for it.</param>
/// <param name="ProcessStartedAt">Clock ticks between the machine's boot and the process's start.</param>
/// <param name="LeaseExpiresAt">When its slot's lease ends unless a report renews it.</param>
/// <param name="Children">What was started under it.</param>
public sealed record RuntimeDetail(
    RuntimeView Runtime, int DefinitionVersion, AgentDefinition Definition, string? Message, string RequestedBy, long? ProcessStartedAt, DateTimeOffset? LeaseExpiresAt,
    IReadOnlyList<RuntimeView> Children);

/// <summary>Which runtimes are asked for.</summary>
/// <param name="Phase">In this phase.</param>
/// <param name="Host">On this host.</param>
/// <param name="Agent">Of this agent.</param>
/// <param name="Task">For this task.</param>
/// <param name="Live">Only those that are not over, or only those that are.</param>
/// <param name="Session">Of this session.</param>
public sealed record RuntimeFilter(RuntimePhase? Phase = null, Guid? Host = null, Guid? Agent = null, Guid? Task = null, bool? Live = null, Guid? Session = null);

/// <summary>Reads runtimes.</summary>
public sealed class RuntimeQueries(NpgsqlDataSource database)
{
    private const string Select =
        """
        select r.id, r.agent_id, a.name, r.definition ->> 'name', r.adapter, r.session_id, r.task_id, t.title, r.parent_id, r.depth, r.priority, r.phase, r.desired,
            r.requested_at, r.granted_at, r.observed_at, r.ready_at, r.paused_at, r.ended_at, r.waits_for, r.host_id, h.name, r.pid, r.memory_mb, r.peak_memory_mb,
            r.cpu_percent, r.output_lines, r.dropped_lines, r.turns, r.progress_at, r.repeated_calls, r.last_tool, r.seen_at, r.end_kind, r.exit_code, r.end_detail, r.reason
        from runtimes r join agents a on a.id = r.agent_id left join tasks t on t.id = r.task_id left join hosts h on h.id = r.host_id
        where {0}
        order by r.requested_at desc, r.id desc limit @limit
        """;

    /// <summary>Runtimes, newest first.</summary>
    public async Task<Page<RuntimeView>> ListAsync(RuntimeFilter filter, PageRequest page, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand();
        var where = new SqlFilter(command)
            .Add("r.phase = @phase", "phase", filter.Phase?.Wire())
            .Add("r.host_id = @host", "host", filter.Host)
            .Add("r.agent_id = @agent", "agent", filter.Agent)
            .Add("r.task_id = @task", "task", filter.Task)
            .Add("r.session_id = @session", "session", filter.Session)
            .Add("(r.phase <> 'ended') = @live", "live", filter.Live)
            .AddPlace("r.requested_at", "r.id", "<", page.AfterPlace).Where;
        command.Parameters.AddWithValue("limit", page.Limit + 1);
        command.CommandText = string.Format(CultureInfo.InvariantCulture, Select, where);
        return page.PageOf(await ReadAsync(command, cancellationToken), r => new PlaceInTime(r.RequestedAt, r.RuntimeId));
    }

    /// <summary>What waits for a slot, in the order in which it is given.</summary>
    public async Task<IReadOnlyList<RuntimeView>> QueueAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(string.Format(CultureInfo.InvariantCulture, Select, "r.phase = 'requested'")
            .Replace("order by r.requested_at desc, r.id desc", "order by r.priority desc, r.requested_at, r.id", StringComparison.Ordinal));
        command.Parameters.AddWithValue("limit", PageRequest.MostItems);
        return await ReadAsync(command, cancellationToken);
    }

    /// <summary>One runtime.</summary>
    public async Task<RuntimeDetail?> FindAsync(Guid id, CancellationToken cancellationToken)
    {
        if ((await ReadWhereAsync("r.id = @id", id, cancellationToken)).FirstOrDefault() is not { } runtime)
        {
            return null;
        }

        var children = await ReadWhereAsync("r.parent_id = @id", id, cancellationToken);
        await using var command = database.CreateCommand(
            """
            select r.definition_version, r.definition::text, r.message, b.name, r.process_started_at, r.lease_expires_at
            from runtimes r join actors b on b.id = r.requested_by where r.id = @id
            """);
        command.Parameters.AddWithValue("id", id);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new RuntimeDetail(
            runtime, reader.GetInt32(0), JsonSerializer.Deserialize<AgentDefinition>(reader.GetString(1), WireJson.Options)!, reader.TextOrNull(2), reader.GetString(3),
            reader.ValueOrNull<long>(4), reader.ValueOrNull<DateTimeOffset>(5), children);
    }

    private async Task<List<RuntimeView>> ReadWhereAsync(string condition, Guid id, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(string.Format(CultureInfo.InvariantCulture, Select, condition));
        command.Parameters.AddWithValue("id", id);
        command.Parameters.AddWithValue("limit", PageRequest.MostItems);
        return await ReadAsync(command, cancellationToken);
    }

    private static async Task<List<RuntimeView>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var runtimes = new List<RuntimeView>();
        while (await reader.ReadAsync(cancellationToken))
        {
            runtimes.Add(new RuntimeView(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetGuid(5), reader.ValueOrNull<Guid>(6),
                reader.TextOrNull(7), reader.ValueOrNull<Guid>(8), reader.GetInt32(9), reader.GetInt16(10), WireNames<RuntimePhase>.Parse(reader.GetString(11)),
                WireNames<DesiredState>.Parse(reader.GetString(12)), reader.GetFieldValue<DateTimeOffset>(13), reader.ValueOrNull<DateTimeOffset>(14),
                reader.ValueOrNull<DateTimeOffset>(15), reader.ValueOrNull<DateTimeOffset>(16), reader.ValueOrNull<DateTimeOffset>(17),
                reader.ValueOrNull<DateTimeOffset>(18), reader.TextOrNull(19), reader.ValueOrNull<Guid>(20), reader.TextOrNull(21), reader.ValueOrNull<int>(22),
                reader.ValueOrNull<int>(23), reader.ValueOrNull<int>(24), reader.ValueOrNull<decimal>(25), reader.GetInt64(26), reader.GetInt64(27), reader.GetInt32(28),
                reader.ValueOrNull<DateTimeOffset>(29), reader.GetInt32(30), reader.TextOrNull(31), reader.ValueOrNull<DateTimeOffset>(32),
                reader.TextOrNull(33) is { } end ? WireNames<RuntimeEnd>.Parse(end) : null, reader.ValueOrNull<int>(34), reader.TextOrNull(35), reader.TextOrNull(36)));
        }

        return runtimes;
    }
}
