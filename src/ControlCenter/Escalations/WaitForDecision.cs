using ControlCenter.Access;
using ControlCenter.Domain.Escalations;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.EventLog;

namespace ControlCenter.Escalations;

/// <summary>Waits for the answer to an escalation: as long as the caller's patience, its key and the host last.</summary>
internal sealed class WaitForDecision(EscalationQueries escalations, EventFeed feed, EndRevokedAccess revoked, IHostApplicationLifetime host, TimeProvider time)
{
    /// <summary>The longest wait.</summary>
    public const int LongestSeconds = 60;

    /// <summary>Answers at once when it is decided, and otherwise when it has been, or when the caller's patience is over. Null: there is no such escalation.</summary>
    public async Task<EscalationView?> FindAsync(HttpContext http, Guid id, TimeSpan patience)
    {
        using var watched = patience > TimeSpan.Zero ? revoked.Watch(http) : null;
        using var over = new CancellationTokenSource(patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, over.Token, host.ApplicationStopping);
        while (true)
        {
            // The place first, the look second: a decision between the two is after the place, and wakes the wait.
            var position = feed.Head;
            var found = await escalations.FindAsync(id, http.RequestAborted);
            if (found is not { State: EscalationState.Waiting } || patience == TimeSpan.Zero || either.IsCancellationRequested)
            {
                return found;
            }

            await feed.WaitForAsync(position, e => e.Record.SubjectId == id.ToString(), either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
