using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Jobs;
using ControlCenter.Runtime.Recovery.Tools;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace ControlCenter.Runtime.Recovery.Restore;

/// <summary>Which restore.</summary>
/// <param name="RestoreId">Its id.</param>
/// <param name="State">How it stands.</param>
/// <param name="RunId">The job's run that does it.</param>
public sealed record RestoreReference(Guid RestoreId, RestoreState State, Guid? RunId);

/// <summary>Has the database restored to a moment, into a folder of its own beside the one that runs.</summary>
public sealed class RequestRestore(Transactions transactions, IServiceProvider services, QueueJobRun queue, TimeProvider time)
{
    // The index that lets one be under way at a time.
    private const string OneAtATime = "restores_one_at_a_time";

    /// <summary>Asks for it.</summary>
    /// <exception cref="NotFoundException">There is no repository to restore from.</exception>
    /// <exception cref="ValidationException">The moment cannot be restored; the message says what can.</exception>
    /// <exception cref="ConflictException">Another one is under way.</exception>
    /// <exception cref="DomainException">The repository cannot be read.</exception>
    public async Task<Outcome<RestoreReference>> ExecuteAsync(RestoreRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.RestoreDatabase);
        var restic = services.GetService<Restic>() ?? throw new NotFoundException("job", RestoreJob.JobName);
        var to = await MomentAsync(restic, request.To, cancellationToken);
        try
        {
            var outcome = await transactions.RunAsync(caller, idempotency, async (unit, ct) =>
            {
                var id = Uuid7.New(time);
                var run = await queue.WithinAsync(unit, RestoreJob.JobName, JsonSerializer.SerializeToElement(new { restore_id = id }), ct);
                await unit.ExecuteAsync(
                    "insert into restores (id, target, state, requested_by, run_id) values (@id, @to, 'queued', @by, @run)", ct,
                    ("id", id), ("to", to), ("by", caller.ActorId), ("run", run));
                await AuditLog.WriteAsync(unit, time, "database.restore", $"restore:{id}", new { RestoreId = id, To = to }, ct);
                unit.Record("backup.restore_requested", ("restore", id.ToString()), new { RestoreId = id, To = to, By = caller.Name });
                return new RestoreReference(id, RestoreState.Queued, run);
            }, cancellationToken);
            queue.Wake();
            return outcome;
        }
        catch (PostgresException fault) when (fault is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: OneAtATime })
        {
            throw new ConflictException(ProblemTypes.InvalidTransition, "Another restore is under way. Wait for it, or cancel its run of the job 'restore'.");
        }
    }

    private static async Task<DateTimeOffset> MomentAsync(Restic restic, DateTimeOffset? to, CancellationToken cancellationToken)
    {
        try
        {
            // What cannot be restored is said at once, and not by a job that fails.
            return RestorePlan.Of(await RepositoryIndex.ReadAsync(restic, cancellationToken), to?.ToUniversalTime()).To;
        }
        catch (RestoreException fault)
        {
            throw new ValidationException("to", fault.Message);
        }
        catch (ToolException fault)
        {
            throw new DomainException(ProblemTypes.RepositoryUnavailable, fault.Message);
        }
    }
}
