using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Queries;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Orchestration;

/// <summary>Finds runtimes that go in circles or stand still (OR-20), tells of each standstill once, and again only after there was progress in between.</summary>
public sealed class WatchProgress(Primary primary, Transactions transactions, AssignmentPolicies policies, TimeProvider time, ILogger<WatchProgress> logger)
    : SupervisedService("progress", time, logger)
{
    /// <summary>The event of a runtime that stands still; the founder is asked to look at it.</summary>
    public const string Stuck = "runtime.stuck";

    /// <summary>The event of one that goes on again.</summary>
    public const string GoesOn = "runtime.unstuck";

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    // Progress is another signature, a checkpoint, a report, a cost. Who is held still, waits for a human or has no work is not stuck.
    private const string StandStill =
        """
        select r.id, r.agent_id, a.name, t.id, t.ticket_id, r.repeated_calls, r.last_tool, r.repeated_calls < @repeated
        from runtimes r
        join agents a on a.id = r.agent_id
        left join lateral (
            select t.id, t.ticket_id, t.state, t.updated_at from tasks t
            where t.state in ('leased', 'running', 'waiting_human') and t.agent_id = r.agent_id and t.lease_id is not null order by t.updated_at desc limit 1) t on true
        where r.phase = 'ready' and r.desired = 'run' and r.paused_at is null and t.state is distinct from 'waiting_human'
            and not exists (select 1 from stalls s where s.runtime_id = r.id)
            and (r.repeated_calls >= @repeated or (
                t.id is not null and t.updated_at < clock_timestamp() - @patience and coalesce(r.progress_at, r.ready_at) < clock_timestamp() - @patience
                and not exists (select 1 from checkpoints c where c.task_id = t.id and c.created_at > clock_timestamp() - @patience)
                and not exists (select 1 from cost_events c where c.task_id = t.id and c.at > clock_timestamp() - @patience)))
        for update of r
        """;

    // One that goes in circles costs money all the while: for that only another call is progress.
    private const string Going =
        """
        delete from stalls s using runtimes r
        where r.id = s.runtime_id and (r.phase = 'ended' or r.signature is distinct from s.signature or (r.repeated_calls < s.repeated_calls)
            or (s.repeated_calls < @repeated and (exists (select 1 from checkpoints c where c.task_id = r.task_id and c.created_at > s.since)
                or exists (select 1 from cost_events c where c.task_id = r.task_id and c.at > s.since))))
        returning r.id, r.phase = 'ended', r.ticket_id, r.task_id
        """;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            if (primary.Epoch is not { } epoch)
            {
                Beat("another host is the primary");
                continue;
            }

            var policy = await policies.CurrentAsync(stoppingToken);
            var found = await transactions.RunAsync(Caller.Host, (unit, ct) => LookAsync(unit, epoch, policy, ct), stoppingToken);
            Beat(string.Create(CultureInfo.InvariantCulture, $"{found} stand still"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<int> LookAsync(UnitOfWork unit, long epoch, AssignmentPolicy policy, CancellationToken cancellationToken)
    {
        if (!await primary.HoldAsync(unit, epoch, cancellationToken))
        {
            return 0;
        }

        await LetGoAsync(unit, policy, cancellationToken);
        var found = await FindAsync(unit, policy, cancellationToken);
        foreach (var one in found)
        {
            await unit.ExecuteAsync(
                """
                insert into stalls (runtime_id, reason, signature, repeated_calls, transcript_lines)
                select id, @reason, signature, repeated_calls, transcript_lines from runtimes where id = @id
                """,
                cancellationToken, ("id", one.Runtime), ("reason", one.Reason));
            unit.Record(
                Stuck, ("runtime", one.Runtime.ToString()), new { RuntimeId = one.Runtime, one.AgentId, one.AgentName, one.Reason, one.LastTool, one.RepeatedCalls }, one.Ticket, one.Task);
        }

        return found.Count;
    }

    private static async Task LetGoAsync(UnitOfWork unit, AssignmentPolicy policy, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(Going, ("repeated", policy.RepeatedCalls));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (!reader.GetBoolean(1))
            {
                unit.Record(GoesOn, ("runtime", reader.GetGuid(0).ToString()), new { RuntimeId = reader.GetGuid(0) }, reader.ValueOrNull<Guid>(2), reader.ValueOrNull<Guid>(3));
            }
        }
    }

    private static async Task<List<Found>> FindAsync(UnitOfWork unit, AssignmentPolicy policy, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(StandStill, ("repeated", policy.RepeatedCalls), ("patience", TimeSpan.FromSeconds(policy.StalledSeconds)));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<Found>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var (calls, tool) = (reader.GetInt32(5), reader.TextOrNull(6));
            var reason = reader.GetBoolean(7)
                ? string.Create(CultureInfo.InvariantCulture, $"no progress for {Told(policy.StalledSeconds)}: no other output or tool call, no checkpoint, no report, no cost")
                : string.Create(CultureInfo.InvariantCulture, $"it has called {tool ?? "the same tool"} {calls} times in a row with the same arguments");
            found.Add(new Found(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.ValueOrNull<Guid>(3), reader.ValueOrNull<Guid>(4), calls, tool, reason));
        }

        return found;
    }

    private static string Told(int seconds) => seconds % 60 == 0 ? $"{seconds / 60} min" : $"{seconds} s";

    private sealed record Found(Guid Runtime, Guid AgentId, string AgentName, Guid? Task, Guid? Ticket, int RepeatedCalls, string? LastTool, string Reason);
}
