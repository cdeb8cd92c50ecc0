using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Governance;

/// <summary>What is set aside with budgets, and how it is given back.</summary>
internal static class BudgetReservations
{
    /// <summary>Takes reservations before the counters, as everybody does who ends one. Returns those that had been given up as lost.</summary>
    public static async Task<HashSet<Guid>> LockAsync(UnitOfWork unit, Guid[] reservations, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            "select id, lost_at is not null from budget_reservations where id = any(@ids) order by id for update", ("ids", reservations));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var lost = new HashSet<Guid>();
        while (await reader.ReadAsync(cancellationToken))
        {
            if (reader.GetBoolean(1))
            {
                lost.Add(reader.GetGuid(0));
            }
        }

        return lost;
    }

    /// <summary>Gives back what was reserved. Returns how many there were to give back: the others were settled before, or are lost.</summary>
    public static async Task<int> ReleaseAsync(UnitOfWork unit, Guid[] reservations, bool isLost, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select budget_release_all(@ids, @lost)", ("ids", reservations), ("lost", isLost));
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
