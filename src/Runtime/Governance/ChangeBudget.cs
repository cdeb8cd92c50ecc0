using ControlCenter.Domain.Access;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Governance;

/// <summary>What is to change of a budget; what is left out stays.</summary>
/// <param name="HardLimit">The new hard limit.</param>
/// <param name="Scope">May be told, but not changed: what was counted for one thing is not another's.</param>
/// <param name="ScopeId">The same.</param>
/// <param name="Period">The same.</param>
/// <param name="Currency">The same.</param>
public sealed record ChangeBudgetRequest(
    decimal? HardLimit = null, BudgetScope? Scope = null, string? ScopeId = null, BudgetPeriod? Period = null, string? Currency = null)
{
    /// <summary>The new soft limit; null takes it away.</summary>
    public AmountChange SoftLimit { get; init; }
}

/// <summary>Changes a budget's limits: in force for the next reservation.</summary>
public sealed class ChangeBudget(Transactions transactions, BudgetBreaches breaches, TimeProvider time)
{
    /// <summary>Changes the limits, and answers with the whole budget.</summary>
    /// <exception cref="NotFoundException">There is no such budget, or it was deleted.</exception>
    public Task<BudgetView> ExecuteAsync(Guid budget, ChangeBudgetRequest request, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ChangeBudgets);
        return transactions.RunAsync(caller, async (unit, ct) =>
        {
            await BudgetRows.LockAsync(unit, budget, ct);
            var before = await BudgetQueries.RequireAsync(unit.Connection, budget, ct);
            var hard = request.HardLimit ?? before.HardLimit;
            var soft = request.SoftLimit.IsGiven ? request.SoftLimit.Amount : before.SoftLimit;
            new FieldErrors()
                .Add("hard_limit", BudgetRules.Limit(hard))
                .Add("soft_limit", BudgetRules.Soft(soft, hard))
                .Add("scope", Fixed(request.Scope is { } scope && scope != before.Scope))
                .Add("scope_id", Fixed(request.ScopeId is { Length: > 0 } id && id != before.ScopeId && id != before.ScopeName))
                .Add("period", Fixed(request.Period is { } period && period != before.Period))
                .Add("currency", Fixed(request.Currency is { } currency && currency != before.Currency))
                .ThrowIfAny();
            if (hard == before.HardLimit && soft == before.SoftLimit)
            {
                return before;
            }

            await unit.ExecuteAsync(
                "update budgets set hard_limit = @hard, soft_limit = @soft, updated_at = clock_timestamp() where id = @id",
                ct, ("id", budget), ("hard", hard), ("soft", soft));

            // A warning was for the limit that it was told of: a higher one warns again.
            await unit.ExecuteAsync(
                "update budget_periods set soft_told_at = null where budget_id = @id and soft_told_at is not null and spent < @soft",
                ct, ("id", budget), ("soft", soft));
            await BudgetHistory.WriteAsync(
                unit, time, budget, "changed",
                new { SoftLimit = soft, HardLimit = hard, Before = new { before.SoftLimit, before.HardLimit }, before.Currency }, ct);
            await BudgetBreaches.CloseAsync(unit, budget, "changed", ct);
            await breaches.ReviewAsync(unit, budget, ct);
            return await BudgetQueries.RequireAsync(unit.Connection, budget, ct);
        }, cancellationToken);
    }

    private static string? Fixed(bool differs) => differs ? "It cannot be changed: what was counted for one thing is not another's. Delete this budget and set a new one." : null;
}

/// <summary>Ends a budget. What it has counted and what was done to it stay on the record.</summary>
public sealed class DeleteBudget(Transactions transactions, TimeProvider time)
{
    /// <summary>Ends the budget.</summary>
    /// <exception cref="NotFoundException">There is no such budget, or it was deleted before.</exception>
    public Task ExecuteAsync(Guid budget, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ChangeBudgets);
        return transactions.RunAsync(caller, async (unit, ct) =>
        {
            await BudgetRows.LockAsync(unit, budget, ct);
            await unit.ExecuteAsync("update budgets set deleted_at = clock_timestamp(), updated_at = clock_timestamp() where id = @id", ct, ("id", budget));
            await BudgetHistory.WriteAsync(unit, time, budget, "deleted", new { }, ct);
            await BudgetBreaches.CloseAsync(unit, budget, "deleted", ct);
            return true;
        }, cancellationToken);
    }
}

/// <summary>Locks budgets for whoever changes them.</summary>
internal static class BudgetRows
{
    /// <exception cref="NotFoundException">There is no such budget, or it was deleted.</exception>
    public static async Task LockAsync(UnitOfWork unit, Guid budget, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select 1 from budgets where id = @id and deleted_at is null for update", ("id", budget));
        _ = await command.ExecuteScalarAsync(cancellationToken) ?? throw new NotFoundException("budget", budget.ToString());
    }
}
