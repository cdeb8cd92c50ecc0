using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosts;

namespace ControlCenter.Runtime.Execution;

/// <summary>Lets a host go: it says that it leaves, or the founder removes it. What it still ran is over for the bus, and its tasks are to be had again.</summary>
public sealed class LetHostGo(Transactions transactions, CallerDirectory directory, TimeProvider time)
{
    /// <summary>A host leaves. Said again, nothing more happens.</summary>
    /// <exception cref="ForbiddenException">The caller is not that host.</exception>
    public Task<Outcome<HostStanding>> LeaveAsync(Guid host, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        ReportHost.RequireItself(host, caller);
        return transactions.RunAsync(caller, idempotency, (unit, ct) => LeftAsync(unit, host, "It said that it leaves.", ct), cancellationToken);
    }

    /// <summary>The founder removes a host: its key is dead.</summary>
    /// <exception cref="NotFoundException">There is no such host.</exception>
    /// <exception cref="ConflictException"><c>invalid_transition</c>: it is the local one.</exception>
    public async Task RemoveAsync(Guid host, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageHosts);
        await transactions.RunAsync(caller, async (unit, ct) =>
        {
            var held = await HostStates.HoldAsync(unit, host, ct);
            if (held.IsLocal)
            {
                throw new ConflictException(ProblemTypes.InvalidTransition, $"'{held.Name}' is the bus's own machine. Drain it if it is to run nothing.");
            }

            var standing = await LeftAsync(unit, host, $"{unit.Caller.Name} removed it.", ct);
            await HostStates.RemoveAsync(unit, host, ct);
            await RevokeKeys.ExecuteAsync(unit, new Caller(host, held.Name, Role.HostRunner), "its host was removed", ct);
            await AuditLog.WriteAsync(unit, time, "host.removed", $"host:{host}", new { held.Name }, ct);
            return standing;
        }, cancellationToken);
        directory.Forget();
    }

    private static async Task<HostStanding> LeftAsync(UnitOfWork unit, Guid host, string why, CancellationToken cancellationToken)
    {
        var held = await HostStates.MoveAsync(unit, await HostStates.HoldAsync(unit, host, cancellationToken), HostState.Left, why, cancellationToken);
        foreach (var runtime in await HeldRuntime.FindAsync(unit, "r.host_id = @host and r.phase <> 'requested'", cancellationToken, ("host", host)))
        {
            // A sub-agent of one that was ended just now may be over by itself.
            if (await HeldRuntime.FindAsync(unit, "r.id = @id", cancellationToken, ("id", runtime.Id)) is [var still])
            {
                var kind = still.Desired == DesiredState.Stop ? RuntimeEnd.Stopped : RuntimeEnd.Lost;
                await EndRuntime.WithinAsync(unit, still, new Ending(kind, $"Its host '{held.Name}' left."), cancellationToken);
            }
        }

        return new HostStanding(host, held.Name, held.State);
    }
}
