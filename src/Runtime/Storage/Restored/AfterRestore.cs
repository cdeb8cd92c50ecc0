using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Storage.Restored;

/// <summary>
/// What a capability does in a restored database before anybody works with it: who held something then may hold something else by now, and
/// no number that was given out in the lost time may be given out again. It is said where the tables are.
/// </summary>
public abstract class AfterRestore
{
    /// <summary>When it comes: lower first.</summary>
    public abstract int Order { get; }

    /// <summary>Does it, in the one transaction of all of them.</summary>
    /// <param name="unit">The transaction.</param>
    /// <param name="lost">The time that is taken back.</param>
    /// <param name="cancellationToken">Gives up: nothing is changed.</param>
    /// <returns>What was done, in words.</returns>
    public abstract Task<string> SettleAsync(UnitOfWork unit, LostFuture lost, CancellationToken cancellationToken);
}
