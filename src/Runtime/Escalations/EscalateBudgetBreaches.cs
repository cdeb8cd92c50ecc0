using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Events;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Json;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Work;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Escalations;

/// <summary>Asks the founder once about each budget that is used up, parks the work that ran into it, and lets it go as he decides.</summary>
public sealed class EscalateBudgetBreaches(
    NpgsqlDataSource database, EventFeed feed, Transactions transactions, TimeProvider time, ILogger<EscalateBudgetBreaches> logger)
    : LogReader("budget-breaches", new EventFilter("budget."), database, feed, transactions, time, logger)
{
    private const string UsedUp = "Its budget is used up.";
    private const string UsedUpAndCancelled = "Its budget is used up, and the founder decided to cancel.";

    // Longer than every period but "total": a budget that has begun anew withdraws its question by itself.
    private const int ExpiryDays = 30;

    /// <inheritdoc />
    protected override async Task HandleAsync(UnitOfWork unit, EventRecord record, CancellationToken cancellationToken)
    {
        using var data = JsonDocument.Parse(record.Data);
        if (!data.RootElement.TryGetProperty("breach_id", out var id) || id.ValueKind != JsonValueKind.String)
        {
            return;
        }

        var breach = id.GetGuid();
        var told = data.RootElement;
        await (record.Kind switch
        {
            "budget.exhausted" => AskAsync(unit, breach, told.GetProperty("title").GetString()!, cancellationToken),
            "budget.task_held" => ParkAsync(unit, breach, told.GetProperty("lease_id").GetGuid(), cancellationToken),
            "budget.decided" => FollowAsync(unit, breach, told.GetProperty("choice").GetString()!, cancellationToken),
            "budget.reopened" => WithdrawAsync(unit, breach, told.GetProperty("why").GetString()!, cancellationToken),
            _ => Task.CompletedTask,
        });
    }

    private async Task AskAsync(UnitOfWork unit, Guid breach, string title, CancellationToken cancellationToken)
    {
        if (await BudgetDecisions.FindAsync(unit, breach, cancellationToken) is not { EscalationId: null } asked)
        {
            return;
        }

        var id = Uuid7.New(Time);
        var first = await BudgetDecisions.HeldAsync(unit, breach, cancellationToken) is [var held, ..] ? held : null;
        var action = JsonSerializer.SerializeToElement(
            new { asked.BudgetId, asked.BreachId, Raise = new { Amount = asked.Raise, asked.Currency, asked.Until } }, WireJson.Options);
        var kind = WireNames<EscalationKind>.ToWire(EscalationKind.Intervention);
        var cut = title.Length > TextRules.LongestTitle ? title[..TextRules.LongestTitle] : title;
        await using var command = unit.Command(
            """
            insert into escalations (id, kind, title, detail, task_id, ticket_id, lease_id, requested_by, action, action_hash, options, state, expires_at)
            select @id, @kind, @title, @detail, @task, (select t.ticket_id from tasks t where t.id = @task), @lease, @host, @action, @hash, @options, 'waiting',
                clock_timestamp() + make_interval(days => @days)
            returning ticket_id, expires_at
            """,
            ("id", id), ("kind", kind), ("title", cut), ("detail", Explain(asked)), ("lease", first?.LeaseId), ("host", Actor.HostId),
            ("action", action.GetRawText()), ("hash", ActionHash.Of(action)), ("options", BudgetDecisions.Options.ToArray()), ("days", ExpiryDays));
        command.Parameters.Add(new NpgsqlParameter("task", NpgsqlTypes.NpgsqlDbType.Uuid) { Value = (object?)first?.TaskId ?? DBNull.Value });
        Guid? ticket;
        DateTimeOffset expiresAt;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            (ticket, expiresAt) = (reader.IsDBNull(0) ? null : reader.GetGuid(0), reader.GetFieldValue<DateTimeOffset>(1));
        }

        await BudgetDecisions.LinkAsync(unit, breach, id, cancellationToken);
        unit.Record(
            "escalation.opened", ("escalation", id.ToString()),
            new { EscalationId = id, Kind = kind, Title = cut, AgentId = Actor.HostId, ActionHash = ActionHash.Of(action), ExpiresAt = expiresAt }, ticket, first?.TaskId);
    }

    private static string Explain(AskedRaise asked) =>
        $"""
        raise: {asked.Raise:0.############} {asked.Currency} more until {asked.Until.UtcDateTime:yyyy-MM-dd HH:mm} UTC; after that the limit is what it was. Another amount can be given on the budget's own page.
        wait: nothing more until {Until(asked)}. The tasks that ran into it go back, and {(asked.Scope == BudgetScope.Agent ? "other agents may take them" : "are not handed out until then")}; so do those that run into it later.
        cancel: the tasks that ran into it are cancelled.
        """;

    private static string Until(AskedRaise asked) => asked.PeriodEnd is null ? "the budget is raised" : "the budget begins anew or is raised";

    // Parked while somebody is asked. What runs into it after that would wait for nobody, for ever: it goes back like the others.
    private static async Task ParkAsync(UnitOfWork unit, Guid breach, Guid lease, CancellationToken cancellationToken)
    {
        if (await BudgetDecisions.FindAsync(unit, breach, cancellationToken) is not { EscalationId: { } escalation })
        {
            return;
        }

        var isAsked = (await DecisionRecord.LockAsync(unit, escalation, cancellationToken)).State == EscalationState.Waiting;
        foreach (var held in (await BudgetDecisions.HeldAsync(unit, breach, cancellationToken)).Where(h => h.LeaseId == lease))
        {
            if (isAsked)
            {
                await UnlessItIsOverAsync(() => HumanWait.BeginAsync(unit, ProofOf(held), cancellationToken));
            }
            else
            {
                await UnlessItIsOverAsync(() => ReleaseTask.WithinAsync(unit, ProofOf(held), UsedUp, cancellationToken));
            }
        }
    }

    private static async Task FollowAsync(UnitOfWork unit, Guid breach, string choice, CancellationToken cancellationToken)
    {
        if (choice == BudgetDecisions.Raise)
        {
            // The budget was reopened with it, and that lets the work go on.
            return;
        }

        foreach (var held in await BudgetDecisions.HeldAsync(unit, breach, cancellationToken))
        {
            await UnlessItIsOverAsync(() => choice == BudgetDecisions.Cancel
                ? CancelTask.WithinAsync(unit, held.TaskId, UsedUpAndCancelled, cancellationToken)
                : ReleaseTask.WithinAsync(unit, ProofOf(held), UsedUp, cancellationToken));
        }

        // Their agents' leases have run out while the founder thought about it.
        foreach (var task in choice == BudgetDecisions.Cancel ? await BudgetDecisions.LeftBehindAsync(unit, breach, cancellationToken) : [])
        {
            await UnlessItIsOverAsync(() => CancelTask.WithinAsync(unit, task, UsedUpAndCancelled, cancellationToken));
        }
    }

    private async Task WithdrawAsync(UnitOfWork unit, Guid breach, string why, CancellationToken cancellationToken)
    {
        if (await AskedAboutAsync(unit, breach, cancellationToken) is { } escalation
            && await DecisionRecord.LockAsync(unit, escalation, cancellationToken) is { State: EscalationState.Waiting } asked)
        {
            var answer = new DecideEscalationRequest(Verdict.Answered, $"There is room in the budget again: {why.Replace('_', ' ')}.");
            await DecisionRecord.WriteAsync(unit, asked, answer, Time, cancellationToken);
        }

        foreach (var held in await BudgetDecisions.HeldAsync(unit, breach, cancellationToken))
        {
            await HumanWait.EndAsync(unit, held.TaskId, held.LeaseId, await DecisionRecord.AreAskedAsync(unit, held.LeaseId, null, cancellationToken), cancellationToken);
        }
    }

    private static LeaseProof ProofOf(HeldWork held) => new(held.TaskId, held.LeaseId, held.FencingToken);

    private static async Task<Guid?> AskedAboutAsync(UnitOfWork unit, Guid breach, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select escalation_id from budget_breaches where id = @id", ("id", breach));
        return await command.ExecuteScalarAsync(cancellationToken) as Guid?;
    }

    // Whatever ended the task or its lease meanwhile has decided about it already.
    private static async Task UnlessItIsOverAsync<T>(Func<Task<T>> move)
    {
        try
        {
            await move();
        }
        catch (DomainException over) when (over.Code is ProblemTypes.LeaseLost or ProblemTypes.InvalidTransition)
        {
            return;
        }
    }
}
