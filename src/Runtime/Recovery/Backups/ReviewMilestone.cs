using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Recovery.Backups;

/// <summary>A backup that is held no longer than others of its age.</summary>
public sealed record ReviewedMilestone(Guid BackupId, DateTimeOffset ReviewedAt);

/// <summary>Says that a milestone was reviewed: from then on it is kept as others of its age are, and may go with the next removal.</summary>
public sealed class ReviewMilestone(Transactions transactions)
{
    /// <summary>Reviews it.</summary>
    /// <exception cref="NotFoundException">There is no such backup.</exception>
    /// <exception cref="ConflictException">It is no milestone, or was reviewed.</exception>
    public Task<Outcome<ReviewedMilestone>> ExecuteAsync(Guid backup, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageJobs);
        return transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            DateTimeOffset at;
            await using (var command = unit.Command(
                """
                update backups set reviewed_at = clock_timestamp(), reviewed_by = @by
                where id = @id and is_milestone and reviewed_at is null returning reviewed_at
                """, ("id", backup), ("by", caller.ActorId)))
            {
                at = await command.ExecuteScalarAsync(ct) is DateTime now ? new DateTimeOffset(now, TimeSpan.Zero) : throw await RefusalAsync(unit, backup, ct);
            }

            unit.Record("backup.reviewed", ("backup", backup.ToString()), new { BackupId = backup, By = caller.Name });
            return new ReviewedMilestone(backup, at);
        }, cancellationToken);
    }

    private static async Task<DomainException> RefusalAsync(UnitOfWork unit, Guid backup, CancellationToken cancellationToken)
    {
        await using var command = unit.Command("select is_milestone from backups where id = @id", ("id", backup));
        return await command.ExecuteScalarAsync(cancellationToken) switch
        {
            null => new NotFoundException("backup", backup.ToString()),
            true => new ConflictException(ProblemTypes.InvalidTransition, "This milestone was reviewed already."),
            _ => new ConflictException(ProblemTypes.InvalidTransition, "This backup is no milestone: there is nothing to review."),
        };
    }
}
