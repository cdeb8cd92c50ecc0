using System.Collections.Concurrent;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Access;

namespace ControlCenter.Access;

/// <summary>Keeps refused attempts in the audit, at the most one a minute for each actor and place: evidence, not a way to fill the disk.</summary>
internal sealed class RefusedAttempts(AuditTrail audit, TimeProvider time)
{
    private static readonly TimeSpan Spacing = TimeSpan.FromMinutes(1);
    private const int MostRemembered = 10_000;
    private readonly ConcurrentDictionary<(Guid, string), long> _told = new();

    /// <summary>Whether a problem is somebody's reaching for what they may not.</summary>
    public static bool IsOne(DomainException problem) => problem.Code is ProblemTypes.Forbidden or ProblemTypes.FounderLockedOut;

    /// <summary>Audits an attempt.</summary>
    /// <param name="caller">Whose.</param>
    /// <param name="place">Where: a method and path, or a page.</param>
    /// <param name="problem">What it was refused for.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task RecordAsync(Caller caller, string place, DomainException problem, CancellationToken cancellationToken)
    {
        if (IsDue((caller.ActorId, place)))
        {
            await audit.RecordAsync(caller, "access.refused", place, new { problem.Code, problem.Message }, cancellationToken);
        }
    }

    private bool IsDue((Guid, string) key)
    {
        if (_told.Count > MostRemembered)
        {
            _told.Clear();
        }

        var due = !_told.TryGetValue(key, out var at) || time.GetElapsedTime(at) > Spacing;
        if (due)
        {
            _told[key] = time.GetTimestamp();
        }

        return due;
    }
}
