using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Access;

/// <summary>Audits what has no transaction of its own: sign-ins, and attempts that were refused.</summary>
public sealed class AuditTrail(Transactions transactions, TimeProvider time)
{
    /// <summary>Writes a line and tells of it in the log, on the alerts channel.</summary>
    /// <param name="caller">Who; the host itself where nobody could be told.</param>
    /// <param name="action">What: <c>sign_in.succeeded</c>, <c>access.refused</c>, …</param>
    /// <param name="subject">What it was tried on.</param>
    /// <param name="detail">Anything more; nothing secret.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task RecordAsync(Caller caller, string action, string? subject, object detail, CancellationToken cancellationToken) =>
        transactions.RunAsync(caller, async (unit, ct) =>
        {
            await AuditLog.WriteAsync(unit, time, action, subject, detail, ct);
            unit.Record($"security.{action.Replace('.', '_')}", ("actor", caller.ActorId.ToString()), new { Action = action, Subject = subject, By = caller.Name });
            return true;
        }, cancellationToken);
}
