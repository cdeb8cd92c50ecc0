using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.EventLog;

/// <summary>Makes the log's partitions ahead of time.</summary>
public sealed class MaintainEventLog(NpgsqlDataSource database, TimeProvider time, ILogger<MaintainEventLog> logger)
    : SupervisedService("event-log-upkeep", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Interval * 2;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            await MakePartitionAsync(stoppingToken);
            Beat("this month's and the next two months' partitions are there");
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task MakePartitionAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "select events_make_partition(((now() at time zone 'UTC') + make_interval(months => m))::date) from generate_series(0, 2) m");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
