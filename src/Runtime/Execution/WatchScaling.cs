using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Execution;

/// <summary>Tells once when more room is needed (AR-22): a host's memory over 75 % for five minutes, a long queue, many agents on one host.</summary>
public sealed class WatchScaling(Transactions transactions, TimeProvider time, ILogger<WatchScaling> logger)
    : SupervisedService("scaling-watch", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    // Blueprint 13.5A: more than five that wait, more than eight on one host.
    private const int LongQueue = 5;
    private const int ManyOnOneHost = 8;

    // A curve with a hole is no proof of five minutes on end: a report comes every 15 s, and a sample at the most every 10.
    private const int FewestSamples = 15;

    private const string Triggers =
        """
        select 'memory' as trigger, h.id as host, h.name, round(avg(s.memory_used_mb * 100.0 / h.memory_mb), 1) as value
        from hosts h join host_samples s on s.host_id = h.id and s.at > clock_timestamp() - interval '5 min'
        where h.state in ('online', 'draining') and h.memory_mb > 0
        group by h.id, h.name
        having min(s.memory_used_mb::numeric / h.memory_mb) >= @memory and count(*) >= @samples and min(s.at) < clock_timestamp() - interval '4 min 30 s'
        union all
        select 'queue', null, null, count(*) from runtimes where phase = 'requested' having count(*) > @queue
        union all
        select 'agents', h.id, h.name, count(*) from runtimes r join hosts h on h.id = r.host_id where r.phase in ('granted', 'observed', 'ready')
        group by h.id, h.name having count(*) > @agents
        """;

    private HashSet<(string Trigger, Guid? Host)> _on = [];

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Interval * 4;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            _on = await transactions.RunAsync(Caller.Host, LookAsync, stoppingToken);
            Beat(_on.Count == 0 ? "there is room" : string.Create(CultureInfo.InvariantCulture, $"{_on.Count} reasons for more room"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<HashSet<(string, Guid?)>> LookAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            Triggers, ("memory", SlotRules.ScalingTrigger), ("samples", FewestSamples), ("queue", (long)LongQueue), ("agents", (long)ManyOnOneHost));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var on = new HashSet<(string, Guid?)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var (trigger, host) = (reader.GetString(0), reader.IsDBNull(1) ? (Guid?)null : reader.GetGuid(1));
            on.Add((trigger, host));
            if (!_on.Contains((trigger, host)))
            {
                var name = reader.IsDBNull(2) ? null : reader.GetString(2);
                var value = reader.GetDecimal(3);
                unit.Record(
                    "runtime.scaling_trigger", ("host", host?.ToString() ?? ""),
                    new { Trigger = trigger, HostId = host, Host = name, Value = value, Severity = "warning", Why = Explain(trigger, name, value) });
            }
        }

        return on;
    }

    private static string Explain(string trigger, string? host, decimal value) => trigger switch
    {
        "memory" => string.Create(CultureInfo.InvariantCulture, $"The memory of '{host}' has been used to {value} % for five minutes."),
        "agents" => string.Create(CultureInfo.InvariantCulture, $"{value} agents run on '{host}'."),
        _ => string.Create(CultureInfo.InvariantCulture, $"{value} runtimes wait for a slot."),
    };
}
