using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Governance;

/// <summary>What the founder is asked about a budget that is used up.</summary>
/// <param name="BreachId">Which breach.</param>
/// <param name="BudgetId">Of which budget.</param>
/// <param name="Raise">How much more is proposed.</param>
/// <param name="Currency">Of that.</param>
/// <param name="Until">For how long.</param>
/// <param name="EscalationId">What was asked, once it was.</param>
/// <param name="Scope">What the budget is for.</param>
/// <param name="PeriodEnd">When it begins anew; null for a budget for good.</param>
public sealed record AskedRaise(
    Guid BreachId, Guid BudgetId, decimal Raise, string Currency, DateTimeOffset Until, Guid? EscalationId, BudgetScope Scope, DateTimeOffset? PeriodEnd);

/// <summary>Work that a breach holds up.</summary>
public sealed record HeldWork(Guid TaskId, Guid LeaseId, long FencingToken, Guid AgentId);

/// <summary>What is asked about a breach, and what is done to the budget when that is decided: in the transaction of the decision.</summary>
public static class BudgetDecisions
{
    /// <summary>More money, until the proposed moment.</summary>
    public const string Raise = "raise";

    /// <summary>Nothing more until there is room again; the work goes back, and so does what runs into it later.</summary>
    public const string Wait = "wait";

    /// <summary>The work that ran into it is cancelled.</summary>
    public const string Cancel = "cancel";

    /// <summary>The three, as they are offered.</summary>
    public static IReadOnlyList<string> Options { get; } = [Raise, Wait, Cancel];

    /// <summary>The open breach that is to be asked about, or was; null if it is closed.</summary>
    public static Task<AskedRaise?> FindAsync(UnitOfWork unit, Guid breach, CancellationToken cancellationToken) =>
        FindAsync(unit, "x.id = @id", breach, cancellationToken);

    /// <summary>Keeps what was asked about a breach.</summary>
    public static Task LinkAsync(UnitOfWork unit, Guid breach, Guid escalation, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            "update budget_breaches set escalation_id = @escalation where id = @breach and escalation_id is null",
            cancellationToken, ("escalation", escalation), ("breach", breach));

    /// <summary>The work that a breach holds up, as far as its lease is still in force.</summary>
    public static async Task<IReadOnlyList<HeldWork>> HeldAsync(UnitOfWork unit, Guid breach, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select h.task_id, h.lease_id, l.fencing_token, h.agent_id
            from budget_breach_tasks h join leases l on l.id = h.lease_id
            where h.breach_id = @breach and l.ended_at is null and l.expires_at > clock_timestamp()
            order by h.lease_id
            """,
            ("breach", breach));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var held = new List<HeldWork>();
        while (await reader.ReadAsync(cancellationToken))
        {
            held.Add(new HeldWork(reader.GetGuid(0), reader.GetGuid(1), reader.GetInt64(2), reader.GetGuid(3)));
        }

        return held;
    }

    /// <summary>Tasks that ran into a breach and that nobody holds any more: given back, or their agent has died over it.</summary>
    public static async Task<IReadOnlyList<Guid>> LeftBehindAsync(UnitOfWork unit, Guid breach, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select distinct h.task_id from budget_breach_tasks h join tasks t on t.id = h.task_id where h.breach_id = @breach and t.state = 'ready' order by h.task_id",
            ("breach", breach));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var left = new List<Guid>();
        while (await reader.ReadAsync(cancellationToken))
        {
            left.Add(reader.GetGuid(0));
        }

        return left;
    }

    /// <summary>Does to the budget what was decided about it, if the escalation is about one.</summary>
    /// <param name="unit">The transaction of the decision.</param>
    /// <param name="time">The clock.</param>
    /// <param name="escalation">What was decided.</param>
    /// <param name="verdict">How. A no, and nobody's answer, is to wait.</param>
    /// <param name="option">The option chosen; a plain yes is to raise.</param>
    /// <param name="comment">Why.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task ApplyAsync(
        UnitOfWork unit, TimeProvider time, Guid escalation, Verdict verdict, string? option, string? comment, CancellationToken cancellationToken)
    {
        if (await FindAsync(unit, "x.escalation_id = @id", escalation, cancellationToken) is not { } asked)
        {
            return;
        }

        var choice = verdict is Verdict.Denied or Verdict.Expired ? (option == Cancel ? Cancel : Wait) : option ?? (verdict == Verdict.Approved ? Raise : Wait);
        if (choice == Raise)
        {
            await OverrideBudget.RaiseAsync(
                unit, time, asked.BudgetId, asked.Raise, new OverrideBudget.Lasting(Until: asked.Until),
                string.IsNullOrWhiteSpace(comment) ? "Raised when it was used up." : comment, escalation, cancellationToken);
            await BudgetBreaches.CloseAsync(unit, asked.BudgetId, "raised", cancellationToken, evenIfFull: true);
            await new BudgetBreaches(time).ReviewAsync(unit, asked.BudgetId, cancellationToken);
        }

        unit.Record("budget.decided", ("budget", asked.BudgetId.ToString()), new { asked.BudgetId, asked.BreachId, Choice = choice, EscalationId = escalation });
    }

    private static async Task<AskedRaise?> FindAsync(UnitOfWork unit, string which, Guid id, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            $"""
            select x.id, x.budget_id, x.proposed_raise, b.currency, x.proposed_until, x.escalation_id, b.scope, x.period_end
            from budget_breaches x join budgets b on b.id = x.budget_id
            where {which} and x.closed_at is null for update of x
            """,
            ("id", id));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new AskedRaise(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetDecimal(2), reader.GetString(3), reader.GetFieldValue<DateTimeOffset>(4),
                reader.IsDBNull(5) ? null : reader.GetGuid(5), WireNames<BudgetScope>.Parse(reader.GetString(6)), reader.IsDBNull(7) ? null : reader.GetFieldValue<DateTimeOffset>(7))
            : null;
    }
}
