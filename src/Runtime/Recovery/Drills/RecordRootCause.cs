using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>Records why a drill failed, which the next one of its scenario waits for (blueprint 10.8).</summary>
public sealed class RecordRootCause(Transactions transactions, DrillFile file, TimeProvider time)
{
    private const int ShortestCause = 10;

    /// <summary>Records it; said again, it replaces what was said before.</summary>
    /// <exception cref="NotFoundException">There is no such drill.</exception>
    /// <exception cref="ConflictException">It has not failed.</exception>
    /// <exception cref="ValidationException">The cause says nothing.</exception>
    public async Task<Outcome<RestoreDrillView>> ExecuteAsync(Guid id, RecordRootCauseRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageJobs);
        var cause = request.Cause?.Trim() ?? "";
        new FieldErrors()
            .Add("cause", cause.Length < ShortestCause ? $"At least {ShortestCause} characters that say what was wrong and what was done about it." : TextRules.OptionalLongText(cause))
            .ThrowIfAny();
        var outcome = await transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            await using (var look = unit.Command("select state, scenario from restore_drills where id = @id for update", ("id", id)))
            {
                await using var reader = await look.ExecuteReaderAsync(ct);
                if (!await reader.ReadAsync(ct))
                {
                    throw new NotFoundException("drill", id.ToString());
                }

                if (reader.GetString(0) != DrillState.Failed.Wire())
                {
                    throw new ConflictException(ProblemTypes.InvalidTransition, $"Drill {id} is '{reader.GetString(0)}'; only one that failed has a root cause.");
                }
            }

            await unit.ExecuteAsync(
                "update restore_drills set root_cause = @cause, root_cause_by = @by, root_cause_at = clock_timestamp() where id = @id", ct,
                ("id", id), ("cause", cause), ("by", caller.ActorId));
            await AuditLog.WriteAsync(unit, time, "drill.root_cause", $"drill:{id}", new { Cause = cause }, ct);
            unit.Record("backup.restore_drill.explained", ("restore_drill", id.ToString()), new { DrillId = id, Cause = cause, By = caller.Name });
            return (await DrillQueries.FindAsync(unit.Connection, id, ct))!.Drill;
        }, cancellationToken);
        if (outcome.Value is { } explained)
        {
            await file.WriteAsync(explained, cancellationToken);
        }

        return outcome;
    }
}
