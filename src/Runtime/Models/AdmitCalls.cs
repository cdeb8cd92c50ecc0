using ControlCenter.Domain.Access;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Agents;
using ControlCenter.Runtime.Governance;
using Microsoft.Extensions.Hosting;

namespace ControlCenter.Runtime.Models;

/// <summary>Says whether a caller may call a model just now: the host must admit it and not be stopping, and an agent must not be held.</summary>
public sealed class AdmitCalls(Admission admission, HeldAgents held, IHostApplicationLifetime lifetime)
{
    // A host that is started again by its supervisor is back by then.
    private const int RestartSeconds = 5;
    private const int AdmissionSeconds = 15;

    /// <summary>Lets pass who may.</summary>
    /// <exception cref="DomainException"><c>shutting_down</c>, <c>admission_closed</c>, <c>agent_paused</c> or <c>agent_stopped</c>.</exception>
    public ValueTask RequireAsync(Caller caller, CancellationToken cancellationToken)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw new UnavailableException(ProblemTypes.ShuttingDown, "The host is stopping; repeat the call when it is back.", RestartSeconds);
        }

        if (!AdmissionRules.AdmitsModelCalls(admission.Level, caller.Role))
        {
            throw new UnavailableException(
                ProblemTypes.AdmissionClosed, $"The host admits '{admission.Level.Wire()}'; agents and services call models at 'controlled' and above, the founder at 'manual' and above.",
                AdmissionSeconds);
        }

        return held.RequireFreeAsync(caller.ActorId, cancellationToken);
    }
}
