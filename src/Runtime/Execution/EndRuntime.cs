using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Work;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Execution;

/// <summary>How a runtime ended.</summary>
/// <param name="Kind">How.</param>
/// <param name="Detail">Why, in words.</param>
/// <param name="ExitCode">Of its process, where somebody saw it.</param>
internal sealed record Ending(RuntimeEnd Kind, string? Detail, int? ExitCode = null);

/// <summary>Ends a runtime that is held: its key is dead, its task goes back, its session waits to be gone on with, what it started is stopped.</summary>
internal static class EndRuntime
{
    public static async Task WithinAsync(UnitOfWork unit, HeldRuntime runtime, Ending ending, CancellationToken cancellationToken)
    {
        await MarkAsync(unit, runtime, ending, cancellationToken);
        if (runtime.KeyId is { } key)
        {
            await RuntimeKeys.RevokeAsync(unit, runtime.AgentId, runtime.AgentName, key, "its runtime ended", cancellationToken);
        }

        var wasAsked = runtime.Desired == DesiredState.Stop || ending.Kind is RuntimeEnd.Stopped or RuntimeEnd.Cancelled;
        var task = await TakeBackAsync(unit, runtime, spendsAttempt: !wasAsked, Explain(runtime, ending), cancellationToken);
        await SessionEnds.WithinAsync(unit, runtime, task, wasAsked, cancellationToken);
        await ObservedAgents.GoneAsync(unit, runtime.AgentId, cancellationToken);
        await TellStopsAsync(unit, runtime, cancellationToken);
        unit.Record(
            "runtime.ended", runtime.Subject,
            new
            {
                RuntimeId = runtime.Id, runtime.AgentId, runtime.AgentName, runtime.HostId, runtime.SessionId, Before = runtime.Phase, End = ending.Kind, ending.ExitCode,
                ending.Detail, TaskState = task,
            },
            runtime.TicketId, runtime.TaskId);
        await StopTree.BelowAsync(unit, runtime.Id, $"What started it, {runtime.AgentName}, has ended.", cancellationToken);
    }

    // All that its agent holds: an agent has one live runtime, and what it took by itself is as dead as what it was started for.
    private static async Task<TaskState?> TakeBackAsync(UnitOfWork unit, HeldRuntime runtime, bool spendsAttempt, string why, CancellationToken cancellationToken)
    {
        var held = new List<(Guid Task, Guid Lease)>();
        await using (var command = unit.Command("select task_id, id from leases where agent_id = @agent and ended_at is null order by id", ("agent", runtime.AgentId)))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                held.Add((reader.GetGuid(0), reader.GetGuid(1)));
            }
        }

        TaskState? own = null;
        foreach (var (task, lease) in held)
        {
            var state = await TakeBackTask.WithinAsync(unit, task, lease, spendsAttempt, why, cancellationToken);
            own = lease == runtime.TaskLeaseId ? state : own;
        }

        return own;
    }

    private static async Task MarkAsync(UnitOfWork unit, HeldRuntime runtime, Ending ending, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            update runtimes set phase = 'ended', ended_at = clock_timestamp(), end_kind = @kind, exit_code = @code, end_detail = @detail, waits_for = null
            where id = @id
            """,
            ("id", runtime.Id), ("kind", ending.Kind.Wire()), ("detail", ending.Detail));
        command.Parameters.Add(new Npgsql.NpgsqlParameter("code", NpgsqlDbType.Integer) { Value = (object?)ending.ExitCode ?? DBNull.Value });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // Whoever was told to stop and is gone has stopped.
    private static async Task TellStopsAsync(UnitOfWork unit, HeldRuntime runtime, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select coalesce(array_agg(id), '{}') from interventions where agent_id = @agent and kind = 'stop' and effective_at is null and requested_at >= @since",
            ("agent", runtime.AgentId), ("since", runtime.RequestedAt.UtcDateTime));
        if (await command.ExecuteScalarAsync(cancellationToken) is Guid[] { Length: > 0 } stops)
        {
            await ObservedAgents.EffectiveAsync(unit, runtime.AgentId, stops, cancellationToken);
        }
    }

    private static string Explain(HeldRuntime runtime, Ending ending) =>
        $"Its agent's process ({runtime.AgentName}) ended: {ending.Kind.Wire().Replace('_', ' ')}{(ending.ExitCode is { } code ? $", exit code {code}" : "")}{(ending.Detail is { } detail ? $". {detail}" : ".")}";
}

/// <summary>Stops runtimes with everything that was started under them.</summary>
internal static class StopTree
{
    private const string Below =
        """
        r.id in (with recursive below (id) as (
            select c.id from runtimes c where c.parent_id = @root
            union select c.id from runtimes c join below b on c.parent_id = b.id) select id from below)
        """;

    /// <summary>Stops a runtime and what is below it.</summary>
    /// <returns>How many were told to stop, or called off.</returns>
    public static async Task<int> WithinAsync(UnitOfWork unit, Guid root, string why, CancellationToken cancellationToken) =>
        await StopAsync(unit, await HeldRuntime.FindAsync(unit, $"(r.id = @root or {Below})", cancellationToken, ("root", root)), why, cancellationToken);

    /// <summary>Stops what is below a runtime.</summary>
    public static async Task<int> BelowAsync(UnitOfWork unit, Guid root, string why, CancellationToken cancellationToken) =>
        await StopAsync(unit, await HeldRuntime.FindAsync(unit, Below, cancellationToken, ("root", root)), why, cancellationToken);

    private static async Task<int> StopAsync(UnitOfWork unit, List<HeldRuntime> found, string why, CancellationToken cancellationToken)
    {
        var running = found.Where(r => r.Desired != DesiredState.Stop).ToList();
        await unit.ExecuteAsync("update runtimes set desired = 'stop' where id = any(@ids)", cancellationToken, ("ids", running.Select(r => r.Id).ToArray()));
        foreach (var runtime in running)
        {
            unit.Record(
                "runtime.stop_requested", runtime.Subject, new { RuntimeId = runtime.Id, runtime.AgentId, runtime.HostId, Why = why }, runtime.TicketId, runtime.TaskId);
        }

        // Nobody has seen a process of these: they are called off, and whatever a host may have begun is ended by its next orders.
        foreach (var runtime in found.Where(r => r.Phase is RuntimePhase.Requested or RuntimePhase.Granted))
        {
            await MarkCalledOffAsync(unit, runtime, why, cancellationToken);
        }

        return running.Count;
    }

    private static async Task MarkCalledOffAsync(UnitOfWork unit, HeldRuntime runtime, string why, CancellationToken cancellationToken)
    {
        // One of the same tree may have ended it just now.
        if (await HeldRuntime.FindAsync(unit, "r.id = @id", cancellationToken, ("id", runtime.Id)) is [var still])
        {
            await EndRuntime.WithinAsync(unit, still, new Ending(RuntimeEnd.Cancelled, why), cancellationToken);
        }
    }
}
