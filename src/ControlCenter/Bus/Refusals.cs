using ControlCenter.Domain.Problems;
using ControlCenter.Access;

namespace ControlCenter.Bus;

/// <summary>Counts what was refused, and has it audited.</summary>
internal sealed class Refusals(RefusedAttempts refused)
{
    /// <summary>Notes a refusal, if it is one that is worth it.</summary>
    public async Task NoteAsync(HttpContext http, string attempted, DomainException problem)
    {
        if (problem.Code == ProblemTypes.LeaseLost)
        {
            BusMetrics.LeasesLost.Add(1);
        }
        else if (RefusedAttempts.IsOne(problem))
        {
            BusMetrics.Refused.Add(1);
            await refused.RecordAsync(BusRoutes.CallerOf(http), attempted, problem, http.RequestAborted);
        }
    }
}
