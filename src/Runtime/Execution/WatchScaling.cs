using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Queries;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Execution;

/// <summary>
/// Tells once when more room is needed (AR-22): a host's memory over 75 % for five minutes, a long queue, many agents on one host; and once when
/// that is over. What was told is in the log, so that neither a restart nor a second bus tells it again.
/// </summary>
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

    private const string Began = "runtime.scaling_trigger", Over = "runtime.scaling_over";

    // Two buses that look at once would both find that it has not been told.
    private const long Lock = 0x43435F5343414C; // "CC_SCAL"

    // What was told last of each, if that was that it began.
    private const string Told =
        $"""
        select trigger, host from (
            select distinct on (e.data ->> 'trigger', e.data ->> 'host_id') e.kind, e.data ->> 'trigger' as trigger, (e.data ->> 'host_id')::uuid as host
            from events e where e.kind in ('{Began}', '{Over}')
            order by e.data ->> 'trigger', e.data ->> 'host_id', e.seq desc) newest
        where kind = '{Began}'
        """;

    // As of the last look; null before the first.
    private HashSet<(string Trigger, Guid? Host)>? _on;

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Interval * 4;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            _on = await transactions.RunAsync(Caller.Host, LookAsync, stoppingToken);
            Beat(_on is not { Count: > 0 } ? "there is room" : string.Create(CultureInfo.InvariantCulture, $"{_on.Count} reasons for more room"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<HashSet<(string, Guid?)>> LookAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        var found = await FindAsync(unit, cancellationToken);
        HashSet<(string, Guid?)> on = [.. found.Select(f => (f.Trigger, f.Host))];
        if (_on is { } before && before.SetEquals(on))
        {
            return on;
        }

        await unit.ExecuteAsync($"select pg_advisory_xact_lock({Lock})", cancellationToken);
        var told = await ToldAsync(unit, cancellationToken);
        foreach (var (trigger, host, name, value) in found.Where(f => !told.Contains((f.Trigger, f.Host))))
        {
            var why = Explain(trigger, name, value);
            unit.Record(Began, SubjectOf(host), new { Trigger = trigger, HostId = host, Host = name, Value = value, Severity = "warning", Why = why });
            unit.Record("alert.raised", SubjectOf(host), new
            {
                Severity = "warning", Source = "scaling", Title = why, Remedy = "Let another host join (devxio host join), or have fewer agents at once.",
            });
        }

        foreach (var (trigger, host) in told.Where(t => !on.Contains(t)))
        {
            unit.Record(Over, SubjectOf(host), new { Trigger = trigger, HostId = host });
        }

        return on;
    }

    private static (string, string) SubjectOf(Guid? host) => ("host", host?.ToString() ?? "");

    private static async Task<List<(string Trigger, Guid? Host, string? Name, decimal Value)>> FindAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            Triggers, ("memory", SlotRules.ScalingTrigger), ("samples", FewestSamples), ("queue", (long)LongQueue), ("agents", (long)ManyOnOneHost));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<(string, Guid?, string?, decimal)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add((reader.GetString(0), reader.ValueOrNull<Guid>(1), reader.TextOrNull(2), reader.GetDecimal(3)));
        }

        return found;
    }

    private static async Task<HashSet<(string Trigger, Guid? Host)>> ToldAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(Told);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var told = new HashSet<(string, Guid?)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            told.Add((reader.GetString(0), reader.ValueOrNull<Guid>(1)));
        }

        return told;
    }

    private static string Explain(string trigger, string? host, decimal value) => trigger switch
    {
        "memory" => string.Create(CultureInfo.InvariantCulture, $"The memory of '{host}' has been used to {value} % for five minutes."),
        "agents" => string.Create(CultureInfo.InvariantCulture, $"{value} agents run on '{host}'."),
        _ => string.Create(CultureInfo.InvariantCulture, $"{value} runtimes wait for a slot."),
    };
}
