using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Governance;

/// <summary>What is set aside with budgets, and how it is given back.</summary>
internal static class BudgetReservations
{
    /// <summary>Gives back what was reserved. False: it was settled before, or is lost.</summary>
    public static async Task<bool> ReleaseAsync(UnitOfWork unit, Guid reservation, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select budget_release(@id, false)", ("id", reservation));
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
