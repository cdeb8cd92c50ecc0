using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Governance;

/// <summary>A raise is to end before its time.</summary>
/// <param name="Reason">Why: 1 character to 64 KiB.</param>
public sealed record EndOverrideRequest(string Reason);

/// <summary>
/// Takes a raise back before it ends by itself. What is set aside for calls under way stays so: they were let through and may end.
/// If more is spent already than the limit then allows, the budget is used up, and the founder is asked like always.
/// </summary>
public sealed class EndOverride(Transactions transactions, BudgetBreaches breaches, TimeProvider time)
{
    /// <summary>Ends the raise, and answers with the budget as it is then.</summary>
    /// <exception cref="NotFoundException">There is no such budget, or it was never raised by that.</exception>
    /// <exception cref="ConflictException"><c>invalid_transition</c>: the raise has ended.</exception>
    public Task<Outcome<BudgetView>> ExecuteAsync(
        Guid budget, Guid raise, EndOverrideRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ChangeBudgets);
        new FieldErrors().Add("reason", TextRules.LongText(request.Reason)).ThrowIfAny();
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            // The raise before the budget, like whoever ends those that have run out.
            var (amount, expiresAt) = await LockAsync(unit, budget, raise, ct);
            await BudgetRows.LockAsync(unit, budget, ct);
            await unit.ExecuteAsync(
                "update budget_overrides set ended_at = clock_timestamp(), ended_by = @actor, end_reason = @reason where id = @id",
                ct, ("id", raise), ("actor", unit.Caller.ActorId), ("reason", request.Reason.Trim()));
            var now = await BudgetQueries.RequireAsync(unit.Connection, budget, ct);
            await BudgetHistory.WriteAsync(
                unit, time, budget, "raise_ended",
                new { OverrideId = raise, Amount = amount, Early = true, Reason = request.Reason.Trim(), ExpiresAt = expiresAt, now.LimitNow, now.Spent, now.Reserved }, ct);
            await breaches.ReviewAsync(unit, budget, ct);
            return await BudgetQueries.RequireAsync(unit.Connection, budget, ct);
        }, cancellationToken);
    }

    private static async Task<(decimal Amount, DateTimeOffset ExpiresAt)> LockAsync(UnitOfWork unit, Guid budget, Guid raise, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select amount, expires_at, ended_at is null and expires_at > clock_timestamp() from budget_overrides where id = @id and budget_id = @budget for update",
            ("id", raise), ("budget", budget));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            throw new NotFoundException("override of this budget", raise.ToString());
        }

        return reader.GetBoolean(2)
            ? (reader.GetDecimal(0), reader.GetFieldValue<DateTimeOffset>(1))
            : throw new ConflictException(ProblemTypes.InvalidTransition, $"The raise '{raise}' has ended; it is no longer part of the limit.");
    }
}
