using ControlCenter.Domain.Agents;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Execution.Keyboard;
using ControlCenter.Runtime.Hosts;
using ControlCenter.Runtime.Work;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Execution;

/// <summary>Takes in what a host observed, in one transaction: phases, measurements, leases, interventions, ends.</summary>
internal sealed class TakeInReport(ExecutionMetrics metrics)
{
    private const string Update =
        """
        update runtimes r set
            phase = o.phase,
            observed_at = case when o.phase = 'granted' then null else coalesce(r.observed_at, clock_timestamp()) end,
            ready_at = case when o.phase = 'ready' then coalesce(r.ready_at, clock_timestamp()) end,
            lease_expires_at = clock_timestamp() + @lease, seen_at = clock_timestamp(),
            pid = coalesce(o.pid, r.pid), process_started_at = coalesce(o.started, r.process_started_at),
            memory_mb = o.memory, peak_memory_mb = greatest(r.peak_memory_mb, o.peak, o.memory), cpu_percent = o.cpu,
            output_lines = greatest(r.output_lines, o.lines), dropped_lines = greatest(r.dropped_lines, o.dropped), turns = greatest(r.turns, o.turns),
            progress_at = case when o.signature is distinct from r.signature then clock_timestamp() else r.progress_at end,
            tool_at = case when o.tool is not null and (o.signature is distinct from r.signature or o.repeated > r.repeated_calls or r.last_tool is null)
                then clock_timestamp() else r.tool_at end,
            signature = coalesce(o.signature, r.signature), repeated_calls = o.repeated, last_tool = coalesce(o.tool, r.last_tool),
            paused_at = case when o.paused then coalesce(r.paused_at, clock_timestamp()) end
        from unnest(@ids, @phases, @pids, @starts, @paused, @memories, @peaks, @cpus, @lines, @dropped, @turns, @signatures, @repeats, @tools)
            as o(id, phase, pid, started, paused, memory, peak, cpu, lines, dropped, turns, signature, repeated, tool)
        where r.id = o.id
        returning r.id, extract(epoch from r.ready_at - r.requested_at)::float8
        """;

    /// <summary>Takes the report in.</summary>
    public async Task<HostState> WithinAsync(UnitOfWork unit, Guid host, HostReport report, CancellationToken cancellationToken)
    {
        var held = await RecordLoad.WithinAsync(unit, host, report, cancellationToken);
        var seen = await MatchAsync(unit, host, report, cancellationToken);
        var going = seen.Where(s => s.Now.Phase != RuntimePhase.Ended).ToList();
        if (going.Count > 0)
        {
            await UpdateAsync(unit, going, cancellationToken);
            await RenewAsync(unit, held.Name, going, cancellationToken);
        }

        foreach (var (before, now) in seen.Where(s => s.Now.Effective is { Count: > 0 }))
        {
            await ObservedAgents.EffectiveAsync(unit, before.AgentId, [.. now.Effective!], cancellationToken);
        }

        foreach (var (before, now) in seen.Where(s => s.Now.Typed is { Count: > 0 }))
        {
            await TypedInputs.WithinAsync(unit, before, now.Typed!, cancellationToken);
        }

        foreach (var (before, now) in seen.Where(s => s.Now.Phase == RuntimePhase.Ended))
        {
            await MeasureLastAsync(unit, now, cancellationToken);
            await NameSessionAsync(unit, before, now, cancellationToken);
            await EndRuntime.WithinAsync(
                unit, before with { NativeSessionId = now.NativeSessionId ?? before.NativeSessionId },
                new Ending(now.End ?? RuntimeEnd.Lost, now.Detail, now.ExitCode), cancellationToken);
        }

        return held.State;
    }

    // Another token, another host, or over by now: it is not named in the orders, and so is ended there.
    private static async Task<List<(HeldRuntime Before, RuntimeObservation Now)>> MatchAsync(
        UnitOfWork unit, Guid host, HostReport report, CancellationToken cancellationToken)
    {
        if (report.Runtimes.Count == 0)
        {
            return [];
        }

        var live = (await HeldRuntime.FindAsync(
            unit, "r.host_id = @host and r.phase <> 'requested' and r.id = any(@ids)", cancellationToken,
            ("host", host), ("ids", report.Runtimes.Select(r => r.RuntimeId).ToArray()))).ToDictionary(r => r.Id);
        return [.. report.Runtimes
            .Where(o => live.TryGetValue(o.RuntimeId, out var row) && row.FencingToken == o.FencingToken && o.Phase != RuntimePhase.Requested)
            .Select(o => (live[o.RuntimeId], o with { Phase = o.Phase < live[o.RuntimeId].Phase ? live[o.RuntimeId].Phase : o.Phase }))];
    }

    private async Task UpdateAsync(UnitOfWork unit, List<(HeldRuntime Before, RuntimeObservation Now)> going, CancellationToken cancellationToken)
    {
        var newlyReady = going.Where(g => g.Now.Phase == RuntimePhase.Ready && g.Before.Phase != RuntimePhase.Ready).Select(g => g.Before.Id).ToHashSet();
        await using (var command = unit.Command(Update, ("lease", RuntimeTimeouts.HostLost)))
        {
            Add("ids", NpgsqlDbType.Uuid, going.ConvertAll(g => g.Now.RuntimeId).ToArray());
            Add("phases", NpgsqlDbType.Text, going.ConvertAll(g => g.Now.Phase.Wire()).ToArray());
            Add("pids", NpgsqlDbType.Integer, going.ConvertAll(g => g.Now.Pid).ToArray());
            Add("starts", NpgsqlDbType.Bigint, going.ConvertAll(g => g.Now.ProcessStartedAt).ToArray());
            Add("paused", NpgsqlDbType.Boolean, going.ConvertAll(g => g.Now.Paused).ToArray());
            Add("memories", NpgsqlDbType.Integer, going.ConvertAll(g => g.Now.MemoryMb).ToArray());
            Add("peaks", NpgsqlDbType.Integer, going.ConvertAll(g => g.Now.PeakMemoryMb).ToArray());
            Add("cpus", NpgsqlDbType.Numeric, going.ConvertAll(g => g.Now.CpuPercent).ToArray());
            Add("lines", NpgsqlDbType.Bigint, going.ConvertAll(g => g.Now.OutputLines).ToArray());
            Add("dropped", NpgsqlDbType.Bigint, going.ConvertAll(g => g.Now.DroppedLines).ToArray());
            Add("turns", NpgsqlDbType.Integer, going.ConvertAll(g => g.Now.Turns).ToArray());
            Add("signatures", NpgsqlDbType.Text, going.ConvertAll(g => g.Now.Signature).ToArray());
            Add("repeats", NpgsqlDbType.Integer, going.ConvertAll(g => g.Now.RepeatedCalls).ToArray());
            Add("tools", NpgsqlDbType.Text, going.ConvertAll(g => g.Now.LastTool).ToArray());
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                if (newlyReady.Contains(reader.GetGuid(0)))
                {
                    metrics.Spawned(reader.GetDouble(1));
                }
            }

            void Add(string name, NpgsqlDbType type, Array values) =>
                command.Parameters.Add(new Npgsql.NpgsqlParameter(name, NpgsqlDbType.Array | type) { Value = values });
        }

        foreach (var (before, now) in going)
        {
            await NameSessionAsync(unit, before, now, cancellationToken);
            Tell(unit, before, now);
        }
    }

    private static void Tell(UnitOfWork unit, HeldRuntime before, RuntimeObservation now)
    {
        var data = new { RuntimeId = before.Id, before.AgentId, before.AgentName, before.HostId, now.Pid };
        if (before.Phase < RuntimePhase.Observed && now.Phase >= RuntimePhase.Observed)
        {
            unit.Record("runtime.observed", before.Subject, data, before.TicketId, before.TaskId);
        }

        if (before.Phase < RuntimePhase.Ready && now.Phase == RuntimePhase.Ready)
        {
            unit.Record("runtime.ready", before.Subject, data, before.TicketId, before.TaskId);
        }

        if (before.IsPaused != now.Paused)
        {
            unit.Record(now.Paused ? "runtime.paused" : "runtime.resumed", before.Subject, data, before.TicketId, before.TaskId);
        }
    }

    private static async Task NameSessionAsync(UnitOfWork unit, HeldRuntime before, RuntimeObservation now, CancellationToken cancellationToken)
    {
        if (now.Phase >= RuntimePhase.Observed && (before.SessionHostId != before.HostId || (now.NativeSessionId is not null && now.NativeSessionId != before.NativeSessionId)))
        {
            await unit.ExecuteAsync(
                "update sessions set host_id = @host, native_session_id = coalesce(@native::text, native_session_id) where id = @id",
                cancellationToken, ("id", before.SessionId), ("host", before.HostId), ("native", now.NativeSessionId));
        }
    }

    // What ends between two reports is measured by its end.
    private static async Task MeasureLastAsync(UnitOfWork unit, RuntimeObservation now, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            update runtimes set observed_at = case when @pid::integer is null then observed_at else coalesce(observed_at, clock_timestamp()) end, pid = coalesce(@pid, pid),
                process_started_at = coalesce(@started, process_started_at), memory_mb = null, cpu_percent = null, seen_at = clock_timestamp(),
                peak_memory_mb = greatest(peak_memory_mb, @peak), output_lines = greatest(output_lines, @lines), dropped_lines = greatest(dropped_lines, @dropped),
                turns = greatest(turns, @turns), last_tool = coalesce(@tool, last_tool),
                tool_at = case when @tool::text is not null and @signature::text is distinct from signature then clock_timestamp() else tool_at end
            where id = @id
            """,
            ("id", now.RuntimeId), ("lines", now.OutputLines), ("dropped", now.DroppedLines), ("turns", now.Turns), ("tool", now.LastTool), ("signature", now.Signature));
        command.Parameters.Add(new Npgsql.NpgsqlParameter("pid", NpgsqlDbType.Integer) { Value = (object?)now.Pid ?? DBNull.Value });
        command.Parameters.Add(new Npgsql.NpgsqlParameter("started", NpgsqlDbType.Bigint) { Value = (object?)now.ProcessStartedAt ?? DBNull.Value });
        command.Parameters.Add(new Npgsql.NpgsqlParameter("peak", NpgsqlDbType.Integer) { Value = (object?)now.PeakMemoryMb ?? DBNull.Value });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // A host's report is its agents' heartbeat: slot, key, task and liveness last as long as it comes.
    private static async Task RenewAsync(UnitOfWork unit, string host, List<(HeldRuntime Before, RuntimeObservation Now)> going, CancellationToken cancellationToken)
    {
        await RuntimeKeys.ExtendAsync(unit, [.. going.Select(g => g.Before.KeyId).OfType<Guid>()], RuntimeTimeouts.HostLost, cancellationToken);
        var running = going.Where(g => g.Now.Phase is RuntimePhase.Observed or RuntimePhase.Ready).ToList();
        if (running.Count == 0)
        {
            return;
        }

        await ObservedAgents.SeenAsync(
            unit,
            running.ConvertAll(g => new SeenAgent(
                g.Before.AgentId, g.Before.TaskLeaseId is null ? AgentActivity.Idle : AgentActivity.Working, host, g.Now.MemoryMb, g.Now.CpuPercent)),
            cancellationToken);
        await LeaseRenewals.RenewManyAsync(
            unit,
            [.. running.Where(g => g.Before is { TaskLeaseId: not null, TaskFencingToken: not null })
                .Select(g => (g.Before.AgentId, new LeaseClaim(g.Before.TaskLeaseId!.Value, g.Before.TaskFencingToken!.Value)))],
            cancellationToken);
    }
}
