using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Hosts;

/// <summary>Where a host stands after a change.</summary>
public sealed record HostStanding(Guid HostId, string Name, HostState State);

/// <summary>Gives a host nothing new, or lets it have work again. What runs there goes on.</summary>
public sealed class DrainHost(Transactions transactions, TimeProvider time)
{
    /// <summary>Keeps new work from a host.</summary>
    /// <exception cref="ConflictException"><c>invalid_transition</c>: it does not report.</exception>
    public Task<Outcome<HostStanding>> ExecuteAsync(Guid host, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken) =>
        MoveAsync(host, HostState.Draining, caller, idempotency, cancellationToken);

    /// <summary>Lets a host that is draining have work again.</summary>
    /// <exception cref="ConflictException"><c>invalid_transition</c>: it does not report.</exception>
    public Task<Outcome<HostStanding>> ResumeAsync(Guid host, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken) =>
        MoveAsync(host, HostState.Online, caller, idempotency, cancellationToken);

    private Task<Outcome<HostStanding>> MoveAsync(Guid host, HostState to, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageHosts);
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var held = await HostStates.HoldAsync(unit, host, ct);
            if (held.State is not (HostState.Online or HostState.Draining))
            {
                throw new ConflictException(
                    ProblemTypes.InvalidTransition, $"Host '{held.Name}' is {held.State.Wire()}; only one that reports can be drained or resumed.");
            }

            if (held.State != to)
            {
                await AuditLog.WriteAsync(unit, time, to == HostState.Draining ? "host.drained" : "host.resumed", $"host:{host}", new { held.Name }, ct);
            }

            return new HostStanding(host, held.Name, (await HostStates.MoveAsync(unit, held, to, null, ct)).State);
        }, cancellationToken);
    }
}
