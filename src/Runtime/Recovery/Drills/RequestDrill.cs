using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Recovery;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Jobs;

namespace ControlCenter.Runtime.Recovery.Drills;

/// <summary>Has a drill held now, by its job.</summary>
public sealed class RequestDrill(RunJobNow run, DrillQueries queries)
{
    /// <summary>Queues it.</summary>
    /// <exception cref="NotFoundException">There is no repository, and so no drill.</exception>
    /// <exception cref="ConflictException">The last one failed, and its root cause is not recorded.</exception>
    public async Task<Outcome<JobRunReference>> ExecuteAsync(RequestDrillRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ManageJobs);
        if (request.Sample && request.Scenario != DrillScenario.Database)
        {
            throw new ValidationException("sample", $"Only of the database; '{request.Scenario.Wire()}' was given.");
        }

        if ((await queries.OverviewAsync(cancellationToken)).Scenarios.First(s => s.Scenario == request.Scenario).WaitsForRootCause is { } failed)
        {
            throw new ConflictException(ProblemTypes.InvalidTransition, DrillLog.Waits(request.Scenario, failed));
        }

        var schedule = request.Sample ? DrillSchedule.All.First(s => s.IsSample) : DrillSchedule.Of(request.Scenario);
        return await run.ExecuteAsync(schedule.JobName, new RunJobRequest(), caller, idempotency, cancellationToken);
    }
}
