using ControlCenter.Domain.Access;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Governance;

/// <summary>More money for a while.</summary>
/// <param name="Amount">How much more, in the budget's currency.</param>
/// <param name="ExpiresInSeconds">For how long: 1 second to 90 days. After that the limit is what it was.</param>
/// <param name="Reason">Why: 1 character to 64 KiB.</param>
public sealed record OverrideBudgetRequest(decimal Amount, int ExpiresInSeconds, string Reason);

/// <summary>An override as it was kept.</summary>
public sealed record BudgetOverride(Guid OverrideId, Guid BudgetId, decimal Amount, string Reason, DateTimeOffset MadeAt, Guid MadeBy, DateTimeOffset ExpiresAt, Guid? EscalationId);

/// <summary>Raises a budget for a while: an amount, an expiry and a reason, and it ends by itself (GV-07).</summary>
public sealed class OverrideBudget(Transactions transactions, TimeProvider time)
{
    /// <summary>Raises the budget.</summary>
    /// <exception cref="NotFoundException">There is no such budget, or it was deleted.</exception>
    public Task<Outcome<BudgetOverride>> ExecuteAsync(
        Guid budget, OverrideBudgetRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ChangeBudgets);
        new FieldErrors()
            .Add("amount", request.Amount <= 0 ? $"Above zero; {request.Amount} was given." : BudgetRules.Limit(request.Amount))
            .Add("expires_in_seconds", request.ExpiresInSeconds is < 1 or > BudgetRules.LongestOverrideSeconds
                ? $"Between 1 and {BudgetRules.LongestOverrideSeconds}; {request.ExpiresInSeconds} was given." : null)
            .Add("reason", TextRules.LongText(request.Reason))
            .ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            await BudgetRows.LockAsync(unit, budget, ct);
            var raised = await RaiseAsync(unit, time, budget, request.Amount, new Lasting(For: TimeSpan.FromSeconds(request.ExpiresInSeconds)), request.Reason.Trim(), null, ct);
            await BudgetBreaches.CloseAsync(unit, budget, "raised", ct);
            return raised;
        }, cancellationToken);
    }

    /// <summary>Raises a budget in a transaction that has locked it.</summary>
    internal static async Task<BudgetOverride> RaiseAsync(
        UnitOfWork unit, TimeProvider time, Guid budget, decimal amount, Lasting lasting, string reason, Guid? escalation, CancellationToken cancellationToken)
    {
        var id = Uuid7.New(time);
        BudgetOverride raised;
        await using (var command = unit.Command(
            """
            insert into budget_overrides (id, budget_id, amount, reason, made_by, expires_at, escalation_id)
            values (@id, @budget, @amount, @reason, @actor, coalesce(@until, clock_timestamp() + @for), @escalation)
            returning made_at, expires_at
            """,
            ("id", id), ("budget", budget), ("amount", amount), ("reason", reason), ("actor", unit.Caller.ActorId), ("until", lasting.Until?.UtcDateTime), ("for", lasting.For),
            ("escalation", escalation)))
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            raised = new BudgetOverride(
                id, budget, amount, reason, reader.GetFieldValue<DateTimeOffset>(0), unit.Caller.ActorId, reader.GetFieldValue<DateTimeOffset>(1), escalation);
        }

        await BudgetHistory.WriteAsync(
            unit, time, budget, "raised", new { raised.OverrideId, raised.Amount, raised.Reason, raised.ExpiresAt, raised.EscalationId }, cancellationToken);
        return raised;
    }

    /// <summary>For so long by the database's clock, or until a moment.</summary>
    internal readonly record struct Lasting(TimeSpan? For = null, DateTimeOffset? Until = null);
}
