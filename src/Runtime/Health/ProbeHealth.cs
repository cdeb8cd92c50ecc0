using System.Globalization;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Health;

/// <summary>Where the host keeps its files.</summary>
/// <param name="Folder">The data folder (<c>CC_HOME</c>).</param>
public sealed record DataFolder(string Folder);

/// <summary>Looks at what the host depends on, every few seconds: the database by a query, the disk by its free space, the log by how far its tail lags.</summary>
public sealed class ProbeHealth(
    NpgsqlDataSource database, EventTail tail, DataFolder data, IServiceProvider services, TimeProvider time, ILogger<ProbeHealth> logger)
    : SupervisedService("health-probes", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(3);

    // A database that does not answer within this is, for its callers, not there.
    private static readonly TimeSpan DatabasePatience = TimeSpan.FromSeconds(5);

    // Blueprint 13.5A calls for action at 80 % used; below 5 % free PostgreSQL is about to stop.
    private const double DiskDegradedBelow = 0.20;
    private const double DiskFailedBelow = 0.05;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        // The registry lists every service, this one among them, so it is asked for when it is first needed.
        var registry = services.GetRequiredService<HealthRegistry>();
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            await ProbeDatabaseAsync(registry, stoppingToken);
            ProbeDisk(registry);
            ProbeTail(registry);
            Beat("looked");
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task ProbeDatabaseAsync(HealthRegistry registry, CancellationToken cancellationToken)
    {
        var startedAt = Time.GetTimestamp();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(DatabasePatience);
        try
        {
            await using var command = database.CreateCommand("select current_setting('server_version')");
            var version = (string)(await command.ExecuteScalarAsync(patience.Token))!;
            var took = Time.GetElapsedTime(startedAt).TotalMilliseconds;
            registry.Report("database", HealthStatus.Healthy, string.Create(CultureInfo.InvariantCulture, $"PostgreSQL {version.Split(' ')[0]} answered in {took:0.0} ms"));
        }
        catch (Exception fault) when (fault is NpgsqlException or OperationCanceledException or TimeoutException && !cancellationToken.IsCancellationRequested)
        {
            registry.Report("database", HealthStatus.Failed, fault is OperationCanceledException ? "no answer within 5 s" : "cannot be reached");
        }
    }

    private void ProbeDisk(HealthRegistry registry)
    {
        var drive = new DriveInfo(data.Folder);
        var free = (double)drive.AvailableFreeSpace / drive.TotalSize;
        registry.Report(
            "disk",
            free < DiskFailedBelow ? HealthStatus.Failed : free < DiskDegradedBelow ? HealthStatus.Degraded : HealthStatus.Healthy,
            string.Create(CultureInfo.InvariantCulture, $"{drive.AvailableFreeSpace / 1e9:0.0} GB free of {drive.TotalSize / 1e9:0.0} GB"));
    }

    private void ProbeTail(HealthRegistry registry)
    {
        var reading = tail.Tail;
        var age = Time.GetElapsedTime(reading.ReadAt);
        var lagging = reading.Behind || age > Interval;
        registry.Report(
            "event-log",
            lagging ? HealthStatus.Degraded : HealthStatus.Healthy,
            string.Create(CultureInfo.InvariantCulture, $"at {reading.Position}, read {age.TotalSeconds:0.0} s ago{(reading.HeldBack > 0 ? $", {reading.HeldBack} held back" : "")}"));
    }
}
