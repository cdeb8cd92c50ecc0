using ControlCenter.Domain.Access;
using ControlCenter.Domain.Costs;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Costs;

namespace ControlCenter.Runtime.Governance;

/// <summary>Ends a call: what it cost is recorded and charged, and what was set aside for it is given back, in one transaction.</summary>
public sealed class SettleCall(Transactions transactions, RecordCosts costs)
{
    /// <summary>Settles a call. The same cost again changes nothing. A call that was given up as lost is corrected by what it cost after all.</summary>
    /// <param name="reservation">What was reserved for it; null for a call that nothing was reserved for.</param>
    /// <param name="ended">What it cost, as far as that is known.</param>
    /// <param name="cancellationToken">Gives up. A caller that has hung up is no reason to: the money is spent.</param>
    public Task ExecuteAsync(Guid? reservation, CostEvent ended, CancellationToken cancellationToken) =>
        transactions.RunAsync(Caller.Host, async (unit, ct) =>
        {
            var isLost = reservation is { } held && await BudgetReservations.LockAsync(unit, held, ct);
            await costs.AppendAsync(unit, [isLost ? ended with { Corrects = reservation } : ended], ct);
            if (reservation is { } id)
            {
                await BudgetReservations.ReleaseAsync(unit, id, isLost: false, ct);
            }

            return true;
        }, cancellationToken);
}
