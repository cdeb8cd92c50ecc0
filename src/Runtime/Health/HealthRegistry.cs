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
    private readonly Dictionary<string, Probed> _probed = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Takes in a probe's reading.</summary>
    public void Report(string name, HealthStatus status, string detail)
    {
        lock (_gate)
        {
            _probed[name] = new Probed(name, status, detail, time.GetTimestamp());
        }
    }

    /// <summary>Every service, the probed ones first.</summary>
    public IReadOnlyList<ServiceHealth> Services()
    {
        Probed[] probed;
        lock (_gate)
        {
            probed = [.. _probed.Values];
        }

        return
        [
            .. probed.OrderBy(p => p.Name, StringComparer.Ordinal).Select(Of),
            .. _services.Select(Of).OrderBy(s => s.Name, StringComparer.Ordinal),
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

    private ServiceHealth Of(Probed probed)
    {
        var age = time.GetElapsedTime(probed.SeenAt);
        return age > ReadingsGoStaleAfter
            ? new ServiceHealth(probed.Name, HealthStatus.Unknown, $"last seen: {probed.Detail}", time.GetUtcNow() - age)
            : new ServiceHealth(probed.Name, probed.Status, probed.Detail, time.GetUtcNow() - age);
    }

    private ServiceHealth Of(SupervisedService service)
    {
        var reading = service.Reading;
        var age = time.GetElapsedTime(reading.SeenAt);
        var status = reading.Condition switch
        {
            ServiceCondition.Faulted => HealthStatus.Failed,
            ServiceCondition.Stopped => HealthStatus.Failed,
            _ when service.SilentAfter != Timeout.InfiniteTimeSpan && age > service.SilentAfter => HealthStatus.Unknown,
            _ => HealthStatus.Healthy,
        };

        // A service that only wakes for work has been seen now if it waits for it: its age is that of this look.
        var unseen = service.SilentAfter == Timeout.InfiniteTimeSpan && status == HealthStatus.Healthy ? TimeSpan.Zero : age;
        return new ServiceHealth(
            service.Name, status, reading.Condition == ServiceCondition.Starting ? "waits for its first work" : reading.Detail, time.GetUtcNow() - unseen);
    }

    /// <summary>A probe's reading. Ages are measured and not read off the date, which somebody may set.</summary>
    private sealed record Probed(string Name, HealthStatus Status, string Detail, long SeenAt);
}
