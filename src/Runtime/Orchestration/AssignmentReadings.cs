using System.Text.Json;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Orchestration;

/// <summary>A task that is ready, with what was last said of it.</summary>
internal sealed record ReadyTask(
    Guid Id, Guid TicketId, string? Project, int Attempt, int Priority, string[] Required, string? Withheld, string? LastOutcome, string? LastReason, double? OfferedSecondsAgo);

/// <summary>An agent that has nothing to do and says so.</summary>
internal sealed record IdleAgent(Guid Id, string Name, string[] Capabilities);

/// <summary>A definition, and how many of it run.</summary>
internal sealed record DefinitionReading(Guid Id, AgentDefinition Body, int Running, int? MemoryMb);

/// <summary>A host that may be given something.</summary>
internal sealed record HostReading(Guid Id, string Name, string[] Labels, int MemoryMb, int UsedMb, int Runtimes);

/// <summary>Everything that one look at the ready tasks needs, read in one round trip.</summary>
internal sealed record AssignmentSituation(
    List<ReadyTask> Tasks, List<IdleAgent> Idle, List<DefinitionReading> Definitions, List<HostReading> Hosts, Dictionary<string, int> UnderWay, Dictionary<Guid, int> WaitingForSlot,
    int WaitingEscalations, bool GlobalBudgetUsedUp, Dictionary<(Guid Task, Guid Definition), int> Failures, Dictionary<(Guid Task, Guid Definition), string> Sessions);

/// <summary>Reads what the orchestrator decides by.</summary>
internal static class AssignmentReadings
{
    // One look decides about so many; those after them are looked at once these have somebody.
    private const string MostTasks = "100";

    private const string Ready =
        $"""
        select tasks.id, tasks.ticket_id, k.project, tasks.attempt, tasks.priority, s.capabilities,
            case when exists (select 1 from sessions u where u.task_id = tasks.id and u.state = 'uncertain') then 'it is uncertain whether its session can go on; the founder was asked'
                when exists (select 1 from budgets_exhausted x where {WithheldWork.Withholds}) then 'a budget that it is under is used up' end,
            last.outcome, last.reason, extract(epoch from clock_timestamp() - offered.at)::float8
        from tasks
        join tickets k on k.id = tasks.ticket_id
        join capability_sets s on s.id = tasks.capability_set_id
        left join lateral (select a.outcome, a.reason from assignments a where a.task_id = tasks.id and a.attempt = tasks.attempt order by a.at desc limit 1) last on true
        left join lateral (select max(a.at) as at from assignments a where a.task_id = tasks.id and a.attempt = tasks.attempt and a.outcome = 'idle_agent') offered on true
        where tasks.state = 'ready' and not exists (select 1 from runtimes r where r.task_id = tasks.id and r.phase <> 'ended')
        order by tasks.priority desc, tasks.due_at nulls last, tasks.ordinal limit {MostTasks};
        """;

    private const string Others =
        $"""
        select a.id, a.name, a.capabilities from agents a
        where a.liveness = 'live' and a.activity = 'idle' and not a.paused
            and not exists (select 1 from leases l where l.agent_id = a.id and l.ended_at is null)
            and not exists (select 1 from runtimes r where r.agent_id = a.id and r.phase <> 'ended' and r.task_id is not null)
            and not exists (select 1 from interventions i where i.agent_id = a.id and i.kind = 'stop' and i.acknowledged_at is null)
        order by a.created_at;

        select d.id, d.body::text, (select count(*)::int from runtimes r where r.definition_id = d.id and r.phase <> 'ended'), m.mb
        from agent_definitions d
        left join lateral (
            select percentile_disc(0.95) within group (order by peak_memory_mb) as mb
            from (select r.peak_memory_mb from runtimes r where r.adapter = d.body->>'adapter' and r.definition_id = d.id and r.peak_memory_mb is not null order by r.ended_at desc limit 50) n) m on true
        where d.removed_at is null order by d.name;

        select h.id, h.name, h.labels, coalesce(h.memory_mb, 0), coalesce(h.memory_used_mb, 0),
            (select count(*)::int from runtimes r where r.host_id = h.id and r.phase <> 'ended')
        from hosts h where h.state = 'online' order by h.name;

        select coalesce(k.project, ''), count(*)::int from tasks t join tickets k on k.id = t.ticket_id
        where t.state in ('leased', 'running', 'waiting_human') or (t.state = 'ready' and exists (select 1 from runtimes r where r.task_id = t.id and r.phase <> 'ended'))
        group by 1;

        select r.definition_id, count(*)::int from runtimes r join agents a on a.id = r.agent_id
        where r.phase = 'requested' and {SlotQueue.HeldBy} is null group by 1;

        select (select count(*)::int from escalations where state = 'waiting'),
            exists (select 1 from budgets_exhausted where scope = 'global');
        """;

    private const string History =
        """
        select task_id, definition_id, count(*)::int from runtimes
        where task_id = any($1) and phase = 'ended' and end_kind in ('failed', 'killed', 'timed_out', 'not_started', 'limit_exceeded') group by 1, 2;
        """;

    private const string Interrupted =
        """
        select distinct on (s.task_id, s.definition_id) s.task_id, s.definition_id, coalesce(h.name, '') from sessions s left join hosts h on h.id = s.host_id
        where s.task_id = any($1) and s.state = 'interrupted' order by s.task_id, s.definition_id, s.created_at desc;
        """;

    public static async Task<AssignmentSituation> ReadAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Ready + Others, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var tasks = await RowsAsync(reader, r => new ReadyTask(
            r.GetGuid(0), r.GetGuid(1), r.TextOrNull(2), r.GetInt32(3), r.GetInt16(4), r.GetFieldValue<string[]>(5), r.TextOrNull(6), r.TextOrNull(7), r.TextOrNull(8),
            r.ValueOrNull<double>(9)), cancellationToken);
        var idle = await RowsAsync(reader, r => new IdleAgent(r.GetGuid(0), r.GetString(1), r.GetFieldValue<string[]>(2)), cancellationToken);
        var definitions = await RowsAsync(reader, r => new DefinitionReading(
            r.GetGuid(0), JsonSerializer.Deserialize<AgentDefinition>(r.GetString(1), WireJson.Options)!, r.GetInt32(2), r.ValueOrNull<int>(3)), cancellationToken);
        var hosts = await RowsAsync(reader, r => new HostReading(
            r.GetGuid(0), r.GetString(1), r.GetFieldValue<string[]>(2), r.GetInt32(3), r.GetInt32(4), r.GetInt32(5)), cancellationToken);
        var underWay = (await RowsAsync(reader, r => (r.GetString(0), r.GetInt32(1)), cancellationToken)).ToDictionary();
        var forSlot = (await RowsAsync(reader, r => (r.GetGuid(0), r.GetInt32(1)), cancellationToken)).ToDictionary();
        var (forFounder, usedUp) = (await RowsAsync(reader, r => (r.GetInt32(0), r.GetBoolean(1)), cancellationToken))[0];
        await reader.DisposeAsync();

        var ids = tasks.ConvertAll(t => t.Id).ToArray();
        await using var more = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand(History) { Parameters = { new() { Value = ids } } },
                new NpgsqlBatchCommand(Interrupted) { Parameters = { new() { Value = ids } } },
            },
        };
        await using var history = await more.ExecuteReaderAsync(cancellationToken);
        var failures = (await RowsAsync(history, r => ((r.GetGuid(0), r.GetGuid(1)), r.GetInt32(2)), cancellationToken)).ToDictionary();
        var sessions = (await RowsAsync(history, r => ((r.GetGuid(0), r.GetGuid(1)), r.GetString(2)), cancellationToken)).ToDictionary();
        return new AssignmentSituation(tasks, idle, definitions, hosts, underWay, forSlot, forFounder, usedUp, failures, sessions);
    }

    private static async Task<List<T>> RowsAsync<T>(NpgsqlDataReader reader, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(read(reader));
        }

        await reader.NextResultAsync(cancellationToken);
        return rows;
    }
}
