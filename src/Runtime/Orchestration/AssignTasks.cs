using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Execution;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Orchestration;

/// <summary>
/// Finds somebody for every task that is ready: an idle agent that is able to do it is left to claim it, else an agent is started.
/// On the primary only; whatever it decides carries its epoch, and is refused in the same transaction once another one is the primary.
/// </summary>
public sealed class AssignTasks(
    Primary primary, NpgsqlDataSource database, Transactions transactions, AssignmentPolicies policies, ModelReach reach, Admission admission, RequestRuntime spawn, EventFeed feed,
    TimeProvider time, ILogger<AssignTasks> logger)
    : SupervisedService("assignments", time, logger)
{
    /// <summary>The event of a task that somebody was found for.</summary>
    public const string Assigned = "task.assigned";

    /// <summary>The event of a task that waits, for another reason than before.</summary>
    public const string Waits = "task.assignment_waits";

    // What no event tells of (memory, a breaker's time) is seen by looking; and a burst of events is one look.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100);

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var position = feed.Head;
            Beat(primary.Epoch is not { } epoch ? "another host is the primary"
                : !AdmissionRules.AdmitsExecution(admission.Level) ? "the host does not admit execution"
                : await LookAsync(epoch, stoppingToken));
            await Task.Delay(Shortest, Time, stoppingToken);
            await WaitAsync(position, stoppingToken);
        }
    }

    private static bool Matters(FeedEvent item) => item.Record.Kind is var kind && kind is not (Assigned or Waits) && (
        kind.StartsWith("task.", StringComparison.Ordinal) && kind is not ("task.progress" or "task.checkpoint")
        || kind.StartsWith("runtime.", StringComparison.Ordinal) || kind.StartsWith("agent.", StringComparison.Ordinal) || kind.StartsWith("budget.", StringComparison.Ordinal)
        || kind is "governor.primary_changed" or AssignmentPolicies.Changed or "admission.changed" or "escalation.decided" or "intervention.acknowledged");

    private async Task WaitAsync(long position, CancellationToken stoppingToken)
    {
        using var patience = new CancellationTokenSource(Longest, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, patience.Token);
        try
        {
            await feed.WaitForAsync(position, Matters, either.Token);
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            // Nothing has happened; what changes without an event is looked at now.
        }
    }

    private async Task<string> LookAsync(long epoch, CancellationToken cancellationToken)
    {
        await using (var any = database.CreateCommand("select exists (select 1 from agent_definitions where removed_at is null)"))
        {
            // Where nothing can be started, agents find their work by themselves, and there is nothing to decide.
            if (await any.ExecuteScalarAsync(cancellationToken) is false)
            {
                return "there is no agent's definition";
            }
        }

        var situation = await AssignmentReadings.ReadAsync(database, cancellationToken);
        if (situation.Tasks.Count == 0)
        {
            return "no task waits for anybody";
        }

        var round = new AssignmentRound(situation, await policies.CurrentAsync(cancellationToken), await reach.LookAsync(cancellationToken));
        var (spawned, others) = (0, new List<AssignmentDecision>());
        foreach (var task in situation.Tasks)
        {
            var decision = round.Decide(task);
            if (decision.Outcome != AssignmentDecision.Spawned)
            {
                others.Add(decision);
            }
            else if (await SpawnAsync(decision, epoch, cancellationToken) is { } refusal)
            {
                round.Undo(decision);
                others.Add(decision with { Outcome = AssignmentDecision.Waits, Reason = refusal, Definition = null, Host = null });
            }
            else
            {
                spawned++;
            }
        }

        await TellAsync(others.FindAll(d => d.IsNews), epoch, cancellationToken);
        return string.Create(CultureInfo.InvariantCulture, $"{spawned} started, {others.Count} left or waiting");
    }

    // Null where it was asked for; else why not.
    private async Task<string?> SpawnAsync(AssignmentDecision decision, long epoch, CancellationToken cancellationToken)
    {
        try
        {
            await transactions.RunAsync(Caller.Host, async (unit, ct) =>
            {
                await RequireEpochAsync(unit, epoch, ct);
                var request = new RequestRuntimeRequest(decision.Definition!.Body.Name, decision.Task.Id, Priority: decision.Task.Priority);
                var runtime = await spawn.WithinAsync(unit, request, decision.Reason, ct);
                await WriteAsync(unit, [(decision, (Guid?)runtime.RuntimeId, (Guid?)runtime.AgentId)], epoch, ct);
                return true;
            }, cancellationToken);
            return null;
        }
        catch (DomainException refusal)
        {
            return refusal.Message;
        }
    }

    private Task<bool> TellAsync(List<AssignmentDecision> decisions, long epoch, CancellationToken cancellationToken) =>
        decisions.Count == 0 ? Task.FromResult(false) : transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            await RequireEpochAsync(unit, epoch, ct);
            await WriteAsync(unit, [.. decisions.Select(d => (d, (Guid?)null, d.Agent?.Id))], epoch, ct);
            return true;
        }, cancellationToken);

    private async Task RequireEpochAsync(UnitOfWork unit, long epoch, CancellationToken cancellationToken)
    {
        if (!await primary.HoldAsync(unit, epoch, cancellationToken))
        {
            throw new ConflictException(ProblemTypes.LeaseLost, $"This host is no longer the primary of epoch {epoch}: another one decides.");
        }
    }

    private async Task WriteAsync(UnitOfWork unit, IReadOnlyList<(AssignmentDecision Decision, Guid? Runtime, Guid? Agent)> lines, long epoch, CancellationToken cancellationToken)
    {
        foreach (var (decision, runtime, agent) in lines)
        {
            var (task, score) = (decision.Task, decision.Candidates is [{ Score: { } best }, ..] ? best : (decimal?)null);
            await unit.ExecuteAsync(
                """
                insert into assignments (id, task_id, ticket_id, attempt, epoch, outcome, agent_id, runtime_id, definition_id, host_id, score, reason, candidates)
                values (@id, @task, @ticket, @attempt, @epoch, @outcome, @agent, @runtime, @definition, @host, @score, @reason, @candidates::jsonb)
                """,
                cancellationToken, ("id", Uuid7.New(Time)), ("task", task.Id), ("ticket", task.TicketId), ("attempt", task.Attempt), ("epoch", epoch), ("outcome", decision.Outcome),
                ("agent", agent), ("runtime", runtime), ("definition", decision.Definition?.Id), ("host", decision.Host?.Id), ("score", score), ("reason", decision.Reason),
                ("candidates", JsonSerializer.Serialize(decision.Candidates, WireJson.Options)));
            unit.Record(
                decision.Outcome == AssignmentDecision.Waits ? Waits : Assigned, ("task", task.Id.ToString()),
                new { decision.Outcome, decision.Reason, AgentId = agent, RuntimeId = runtime, Epoch = epoch }, task.TicketId, task.Id);
        }
    }
}
