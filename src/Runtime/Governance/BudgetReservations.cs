using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Governance;

/// <summary>What is set aside with budgets, and how it is given back.</summary>
internal static class BudgetReservations
{
    /// <summary>Takes a reservation before the counters, as everybody does who ends one. True: it was given up as lost before.</summary>
    public static async Task<bool> LockAsync(UnitOfWork unit, Guid reservation, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select lost_at is not null from budget_reservations where id = @id for update", ("id", reservation));
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <summary>Gives back what was reserved. False: it was given back before.</summary>
    public static async Task<bool> ReleaseAsync(UnitOfWork unit, Guid reservation, bool isLost, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select budget_release(@id, @lost)", ("id", reservation), ("lost", isLost));
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
