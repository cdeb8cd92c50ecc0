using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Queries;

namespace ControlCenter.Runtime.Execution;

/// <summary>A runtime that waits for a slot.</summary>
/// <param name="RuntimeId">Which.</param>
/// <param name="AgentId">Whose.</param>
/// <param name="DefinitionId">By which definition.</param>
/// <param name="Adapter">Of which kind.</param>
/// <param name="HostLabels">What its host must have.</param>
/// <param name="SessionId">The session that it is to go on with.</param>
/// <param name="SessionHost">The host that holds what its program keeps of that; null where there is nothing to resume.</param>
/// <param name="TaskId">Its task.</param>
/// <param name="TicketId">That task's ticket.</param>
/// <param name="WaitsFor">What was said of it last.</param>
/// <param name="HeldBy">Why it is not to be started, whatever room there is.</param>
internal sealed record WaitingRuntime(
    Guid RuntimeId, Guid AgentId, Guid DefinitionId, string Adapter, string[] HostLabels, Guid SessionId, Guid? SessionHost, Guid? TaskId, Guid? TicketId,
    string? WaitsFor, string? HeldBy);

/// <summary>Reads who waits for a slot.</summary>
internal static class SlotQueue
{
    // The rest has its turn when these have theirs: nobody behind so many is started within a second.
    private const int MostLookedAt = 200;

    /// <summary>In SQL, why the runtime r of the agent a is not to be started, whatever room there is; null if it may be.</summary>
    internal const string HeldBy =
        $"""
        case
            when {DefinedAgents.IsHeld} then 'its agent is paused or was stopped'
            when exists (select 1 from budgets_exhausted x where x.scope = 'global'
                or (x.scope = 'agent' and x.scope_id in (select r.agent_id::text union all select above::text from agent_ancestors(r.agent_id) above))) then 'its budget is used up'
            when exists (select 1 from tasks, budgets_exhausted x where tasks.id = r.task_id and {WithheldWork.Withholds}) then 'the budget of its task is used up'
        end
        """;

    // Those that are held come last, so that however many of them there are, nobody who could be started is behind them.
    private const string Waiting =
        $"""
        select r.id, r.agent_id, r.definition_id, r.adapter, coalesce(array(select jsonb_array_elements_text(r.definition -> 'host_labels')), array[]::text[]),
            r.session_id, case when s.native_session_id is not null then s.host_id end, r.task_id, r.ticket_id, r.waits_for,
            held.reason
        from runtimes r join sessions s on s.id = r.session_id join agents a on a.id = r.agent_id cross join lateral (select {HeldBy} as reason) held
        where r.phase = 'requested'
        order by held.reason is not null, r.priority desc, r.requested_at, r.id limit @most
        for no key update of r
        """;

    public static async Task<List<WaitingRuntime>> ReadAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(Waiting, ("most", MostLookedAt));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var waiting = new List<WaitingRuntime>();
        while (await reader.ReadAsync(cancellationToken))
        {
            waiting.Add(new WaitingRuntime(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetGuid(2), reader.GetString(3), reader.GetFieldValue<string[]>(4), reader.GetGuid(5),
                reader.ValueOrNull<Guid>(6), reader.ValueOrNull<Guid>(7), reader.ValueOrNull<Guid>(8), reader.TextOrNull(9), reader.TextOrNull(10)));
        }

        return waiting;
    }

    public static async Task<(double OldestSeconds, Dictionary<RuntimePhase, int> ByPhase)> CountAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select phase, count(*), coalesce(extract(epoch from clock_timestamp() - min(requested_at)), 0)::float8
            from runtimes where phase <> 'ended' group by phase
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var oldest = 0.0;
        var phases = Enum.GetValues<RuntimePhase>().Where(p => p != RuntimePhase.Ended).ToDictionary(p => p, _ => 0);
        while (await reader.ReadAsync(cancellationToken))
        {
            var phase = WireNames<RuntimePhase>.Parse(reader.GetString(0));
            phases[phase] = (int)reader.GetInt64(1);
            oldest = phase == RuntimePhase.Requested ? reader.GetDouble(2) : oldest;
        }

        return (oldest, phases);
    }
}
