using ControlCenter.Runtime.Governance;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Domain.Governance;

namespace ControlCenter.Runtime.Health;

/// <summary>How a service is (blueprint 12.5). What was not seen lately is unknown, never healthy.</summary>
public enum HealthStatus
{
    /// <summary>Seen to work.</summary>
    Healthy,

    /// <summary>Works, but not as it should.</summary>
    Degraded,

    /// <summary>Held back on purpose.</summary>
    Blocked,

    /// <summary>Does not work.</summary>
    Failed,

    /// <summary>Not seen lately.</summary>
    Unknown,
}

/// <summary>One service as it was last seen.</summary>
public sealed record ServiceHealth(string Name, HealthStatus Status, string Detail, DateTimeOffset CheckedAt);

/// <summary>The one list of services and how each was last seen: what health, the Overview and admission read.</summary>
public sealed class HealthRegistry(IEnumerable<SupervisedService> services, Admission admission, TimeProvider time)
{
    // A probe that has not spoken for this long is not believed any more.
    private static readonly TimeSpan ReadingsGoStaleAfter = TimeSpan.FromSeconds(20);

    private readonly SupervisedService[] _services = [.. services];
    private readonly Dictionary<string, ServiceHealth> _probed = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Takes in a probe's reading.</summary>
    public void Report(string name, HealthStatus status, string detail)
    {
        lock (_gate)
        {
            _probed[name] = new ServiceHealth(name, status, detail, time.GetUtcNow());
        }
    }

    /// <summary>Every service, the probed ones first.</summary>
    public IReadOnlyList<ServiceHealth> Services()
    {
        var now = time.GetUtcNow();
        ServiceHealth[] probed;
        lock (_gate)
        {
            probed = [.. _probed.Values];
        }

        return
        [
            .. probed.OrderBy(p => p.Name, StringComparer.Ordinal).Select(p => now - p.CheckedAt > ReadingsGoStaleAfter
                ? p with { Status = HealthStatus.Unknown, Detail = $"last seen: {p.Detail}" }
                : p),
            .. _services.Select(s => Of(s, now)).OrderBy(s => s.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>The host as a whole: failed if the database is, blocked if work is not admitted, degraded if anything else is amiss.</summary>
    public HealthStatus Overall()
    {
        var seen = Services();
        return seen.Any(s => s is { Name: "database", Status: HealthStatus.Failed }) ? HealthStatus.Failed
            : !AdmissionRules.AdmitsExecution(admission.Level) ? HealthStatus.Blocked
            : seen.Any(s => s.Status != HealthStatus.Healthy) ? HealthStatus.Degraded
            : HealthStatus.Healthy;
    }

    private static ServiceHealth Of(SupervisedService service, DateTimeOffset now)
    {
        var reading = service.Reading;
        var status = reading.Condition switch
        {
            ServiceCondition.Faulted => HealthStatus.Failed,
            ServiceCondition.Stopped => HealthStatus.Failed,
            _ when service.SilentAfter != Timeout.InfiniteTimeSpan && now - reading.At > service.SilentAfter => HealthStatus.Unknown,
            _ => HealthStatus.Healthy,
        };

        // A service that only wakes for work has been seen now if it waits for it: its age is that of this look.
        var seen = service.SilentAfter == Timeout.InfiniteTimeSpan && status == HealthStatus.Healthy ? now : reading.At;
        return new ServiceHealth(service.Name, status, reading.Condition == ServiceCondition.Starting ? "waits for its first work" : reading.Detail, seen);
    }
}
