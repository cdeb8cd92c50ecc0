using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Recovery.Hooks;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>Has a restored database take the place of the running one: the host ends cleanly (<see cref="HandOverDatabase"/>), and starts again on it. The one of before is kept beside it.</summary>
public sealed class ReplaceDatabase(Transactions transactions, RestoreQueries restores, OwnCluster own, TellReplacing tell, HostRestart restart, TimeProvider time)
{
    /// <summary>Asks for it.</summary>
    /// <exception cref="NotFoundException">There is no such restore.</exception>
    /// <exception cref="ValidationException">What was typed is not what is to be typed.</exception>
    /// <exception cref="ConflictException">It is not there to take the place, or the database is not this host's own.</exception>
    public async Task<Outcome<RestoreReference>> ExecuteAsync(Guid id, ReplaceRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.RestoreDatabase);
        var view = await restores.FindAsync(id, cancellationToken) ?? throw new NotFoundException("restore", id.ToString());
        if (own.Home is not { } home)
        {
            throw new ConflictException(ProblemTypes.InvalidTransition, own.CannotBeReplaced!);
        }

        var outcome = await transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var (state, passed, folder, to) = await RestoreRows.LockAsync(unit, id, ct) ?? throw new NotFoundException("restore", id.ToString());
            var from = folder is null ? "" : Path.Combine(folder, "postgres");
            if (state != RestoreState.Restored || !Directory.Exists(from))
            {
                throw new ConflictException(ProblemTypes.InvalidTransition, $"Restore {id} is {view.State.ToString().ToLowerInvariant()}{(state == RestoreState.Restored ? " and its folder is gone" : "")}: there is nothing to take the database's place.");
            }

            var expected = RestoreQueries.Confirmation(home, passed == true);
            if (request.Confirm.Trim() != expected)
            {
                throw new ValidationException("confirm", $"Type '{expected}' to have it done; '{request.Confirm}' was given.");
            }

            await unit.ExecuteAsync("update restores set state = 'replacing', problem = null, replace_requested_at = clock_timestamp() where id = @id", ct, ("id", id));
            await AuditLog.WriteAsync(unit, time, "database.replace", $"restore:{id}", new { RestoreId = id, To = to, Passed = passed }, ct);
            unit.Record("backup.replace_requested", ("restore", id.ToString()), new { RestoreId = id, To = to, By = caller.Name });
            return new RestoreReference(id, RestoreState.Replacing, view.RunId);
        }, cancellationToken);
        // A request that comes twice is answered twice and done once: where the host died in between, the next start has said so.
        if (outcome.Replayed is null)
        {
            tell.Begin(id, view.To, caller.Name);
            restart.Request();
        }

        return outcome;
    }
}

/// <summary>Removes the folder of a restore that is not needed.</summary>
public sealed class RemoveRestore(Transactions transactions)
{
    /// <summary>Removes it.</summary>
    /// <exception cref="NotFoundException">There is no such restore.</exception>
    /// <exception cref="ConflictException">It is under way.</exception>
    public async Task ExecuteAsync(Guid id, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.RestoreDatabase);
        await transactions.RunAsync(caller, async (unit, ct) =>
        {
            var (state, _, folder, _) = await RestoreRows.LockAsync(unit, id, ct) ?? throw new NotFoundException("restore", id.ToString());
            if (state is RestoreState.Running or RestoreState.Replacing)
            {
                throw new ConflictException(ProblemTypes.InvalidTransition, $"Restore {id} is under way. Cancel its run of the job '{RestoreJob.JobName}' first.");
            }

            if (folder is not null)
            {
                await RestoredFolder.RemoveAsync(folder);
            }

            if (state != RestoreState.Removed)
            {
                await unit.ExecuteAsync("update restores set state = 'removed', removed_at = clock_timestamp() where id = @id", ct, ("id", id));
                unit.Record("backup.restore_removed", ("restore", id.ToString()), new { RestoreId = id, Before = state });
            }

            return true;
        }, cancellationToken);
    }
}
