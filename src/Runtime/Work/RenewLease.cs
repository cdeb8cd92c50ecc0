using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>A holder asks for more time.</summary>
/// <param name="FencingToken">The lease's number.</param>
public sealed record RenewLeaseRequest(long FencingToken);

/// <summary>The time it got.</summary>
public sealed record RenewedLease(Guid LeaseId, DateTimeOffset ExpiresAt);

/// <summary>Renews one lease: a task's full term from now, by the database's clock.</summary>
public sealed class RenewLease(Transactions transactions)
{
    /// <summary>Renews a lease that is still in force.</summary>
    /// <exception cref="NotFoundException">No such lease.</exception>
    /// <exception cref="ConflictException"><c>lease_lost</c>.</exception>
    public Task<Outcome<RenewedLease>> ExecuteAsync(
        Guid lease, RenewLeaseRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ActAsSelf);
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var task = await TaskOfAsync(unit, lease, ct);
            await LeaseHolder.RequireAsync(unit, new LeaseProof(task, lease, request.FencingToken), ct);
            await using var command = unit.Command(
                """
                update leases l set expires_at = clock_timestamp() + make_interval(secs => t.lease_seconds)
                from tasks t where l.id = @lease and t.id = l.task_id returning l.expires_at
                """,
                ("lease", lease));
            return new RenewedLease(lease, new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync(ct))!, TimeSpan.Zero));
        }, cancellationToken);
    }

    private static async Task<Guid> TaskOfAsync(UnitOfWork unit, Guid lease, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select task_id from leases where id = @lease", ("lease", lease));
        return await command.ExecuteScalarAsync(cancellationToken) is Guid task ? task : throw new NotFoundException("lease", lease.ToString());
    }
}
