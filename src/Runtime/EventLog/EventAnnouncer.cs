using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.EventLog;

/// <summary>Tells the other hosts on this database that there is something new in the log.</summary>
/// <remarks>
/// Outside the writing transactions: a NOTIFY inside them takes a lock on the whole database at commit and cut the
/// rate of commits to 0.38 (design.md). Carries nothing: who misses it still polls.
/// </remarks>
public sealed class EventAnnouncer(NpgsqlDataSource database, EventLogSignal signal, TimeProvider time, ILogger<EventAnnouncer> logger)
    : SupervisedService("event-announcer", time, logger)
{
    // At the most this often: one wake-up covers everything committed before it.
    private static readonly TimeSpan Spacing = TimeSpan.FromMilliseconds(20);

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await signal.WaitForOwnCommitAsync(stoppingToken);
            await using (var command = database.CreateCommand($"notify {EventTail.NotificationChannel}"))
            {
                await command.ExecuteNonQueryAsync(stoppingToken);
            }

            Beat("announced");
            await Task.Delay(Spacing, stoppingToken);
        }
    }
}
