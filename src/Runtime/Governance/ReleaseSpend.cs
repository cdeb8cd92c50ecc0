using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Governance;

/// <summary>Gives back what was set aside for a call that goes another way: to another module, at another price.</summary>
public sealed class ReleaseSpend(Transactions transactions)
{
    /// <summary>Gives it back. False: it was settled before, or is lost.</summary>
    public Task<bool> ExecuteAsync(Guid reservation, CancellationToken cancellationToken) =>
        transactions.RunAsync(
            Caller.Host, async (unit, ct) => await BudgetReservations.ReleaseAsync(unit, [reservation], isLost: false, ct) > 0, cancellationToken);
}
