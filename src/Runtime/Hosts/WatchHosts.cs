using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Hosts;

/// <summary>Notices hosts that have fallen silent, by the database's clock, and forgets load that is older than a day.</summary>
public sealed class WatchHosts(Transactions transactions, HostsHeard heard, TimeProvider time, ILogger<WatchHosts> logger)
    : SupervisedService("host-watch", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan TrimEvery = TimeSpan.FromMinutes(5);

    private const string KeptSamples = "24 h";

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        long? trimmedAt = null;
        do
        {
            if (trimmedAt is not { } at || Time.GetElapsedTime(at) >= TrimEvery)
            {
                await transactions.RunAsync(Caller.Host, TrimAsync, stoppingToken);
                trimmedAt = Time.GetTimestamp();
            }

            var lost = await transactions.RunAsync(Caller.Host, WatchAsync, stoppingToken);
            Beat(lost == 0 ? "no host has fallen silent" : string.Create(CultureInfo.InvariantCulture, $"{lost} hosts fell silent"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private static Task<int> TrimAsync(UnitOfWork unit, CancellationToken cancellationToken) =>
        unit.ExecuteAsync($"delete from host_samples where at < clock_timestamp() - interval '{KeptSamples}'", cancellationToken);

    private async Task<int> WatchAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select id, name, state, boot_id, is_local from hosts
            where state in ('online', 'draining') and removed_at is null and last_report_at <= clock_timestamp() - @silence and (@all or id = any(@heard))
            order by id for no key update skip locked
            """,
            ("silence", RuntimeTimeouts.HostLost), ("all", heard.GraceIsOver), ("heard", heard.Hosts));
        var silent = new List<HeldHost>();
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                silent.Add(new HeldHost(
                    reader.GetGuid(0), reader.GetString(1), WireNames<HostState>.Parse(reader.GetString(2)), reader.GetBoolean(4), reader.IsDBNull(3) ? null : reader.GetGuid(3)));
            }
        }

        foreach (var host in silent)
        {
            await HostStates.MoveAsync(
                unit, host, HostState.Lost, $"It has not reported for {RuntimeTimeouts.HostLost.TotalSeconds:0} s.", cancellationToken);
        }

        return silent.Count;
    }
}
