using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Agents;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Agents;

/// <summary>Notices agents that have fallen silent, by the database's clock: stale, then lost (bus-api.md, Agents).</summary>
/// <remarks>Nothing is taken from them here: their leases run out on their own time.</remarks>
public sealed class WatchLiveness(Transactions transactions, TimeProvider time, ILogger<WatchLiveness> logger)
    : SupervisedService("agent-watch", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            var changed = await transactions.RunAsync(Caller.Host, WatchAsync, stoppingToken);
            Beat(changed == 0 ? "no agent has fallen silent" : string.Create(CultureInfo.InvariantCulture, $"{changed} agents fell silent"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static async Task<int> WatchAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            update agents set liveness = case when last_heartbeat_at <= clock_timestamp() - @lost then 'lost' else 'stale' end
            where (liveness = 'live' and last_heartbeat_at <= clock_timestamp() - @stale)
               or (liveness = 'stale' and last_heartbeat_at <= clock_timestamp() - @lost)
            returning id, name, liveness, last_heartbeat_at
            """,
            ("stale", LivenessRules.StaleAfter), ("lost", LivenessRules.LostAfter));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var changed = 0;
        while (await reader.ReadAsync(cancellationToken))
        {
            changed++;
            var id = reader.GetGuid(0);
            unit.Record(
                $"agent.{reader.GetString(2)}", ("agent", id.ToString()),
                new { AgentId = id, Name = reader.GetString(1), LastHeartbeatAt = reader.GetFieldValue<DateTimeOffset>(3) });
        }

        return changed;
    }
}
