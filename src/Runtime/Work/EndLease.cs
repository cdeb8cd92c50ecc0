using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>Ends a lease that the transaction has locked.</summary>
internal static class EndLease
{
    public static Task<int> ExecuteAsync(UnitOfWork unit, Guid lease, LeaseEnd why, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            "update leases set ended_at = clock_timestamp(), end_reason = @why where id = @lease and ended_at is null",
            cancellationToken, ("lease", lease), ("why", WireNames<LeaseEnd>.ToWire(why)));
}
