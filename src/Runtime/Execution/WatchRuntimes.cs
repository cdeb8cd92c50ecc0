using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Hosts;
using ControlCenter.Runtime.Queries;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Execution;

/// <summary>Ends runtimes that did not come to their next phase in time, those whose task could be somebody else's while they wait for a slot, and those whose host is lost, by the database's clock.</summary>
public sealed class WatchRuntimes(NpgsqlDataSource database, Transactions transactions, HostsHeard heard, TimeProvider time, ILogger<WatchRuntimes> logger)
    : SupervisedService("runtime-watch", time, logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    // So many at once, so that the loss of a large host does not hold locks for long.
    private const int PageSize = 100;

    // What ran out while no bus listened is no host's fault: it is looked at once the host has reported, or has had time to. What it is to
    // start it may hear of only by its first report, so that waits for all.
    private const string Overdue =
        """
        select r.id, case
            when h.state in ('lost', 'left') then 'lost'
            when r.lease_expires_at <= clock_timestamp() and (@all or r.host_id = any(@heard)) then 'silent'
            when r.phase = 'requested' and r.task_id is not null and r.requested_at <= clock_timestamp() - @grant then 'ungranted'
            when r.phase = 'granted' and @all
                and (coalesce(r.seen_at, r.granted_at) <= clock_timestamp() - @observe or r.granted_at <= clock_timestamp() - @start) then 'unobserved'
            when r.phase = 'observed' and (@all or r.host_id = any(@heard)) and r.paused_at is null and r.observed_at <= clock_timestamp() - @ready then 'unready'
            end as why, coalesce(h.name, '') as host, r.waits_for
        from runtimes r left join hosts h on h.id = r.host_id
        where r.phase in ('requested', 'granted', 'observed', 'ready')
        """;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            var ended = 0;
            foreach (var (runtime, why, host) in await FindAsync(stoppingToken))
            {
                ended += await transactions.RunAsync(Caller.Host, (unit, ct) => EndAsync(unit, runtime, why, host, ct), stoppingToken);
            }

            Beat(ended == 0 ? "no runtime is overdue" : string.Create(CultureInfo.InvariantCulture, $"{ended} runtimes ended"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<List<(Guid Runtime, string Why, string Host)>> FindAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"select * from ({Overdue}) o where why is not null order by id limit {PageSize}");
        AddTo(command);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var found = new List<(Guid, string, string)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add((reader.GetGuid(0), reader.GetString(1), reader.GetString(2)));
        }

        return found;
    }

    private async Task<int> EndAsync(UnitOfWork unit, Guid runtime, string why, string host, CancellationToken cancellationToken)
    {
        if (await HeldRuntime.FindAsync(unit, "r.id = @id", cancellationToken, ("id", runtime)) is not [var held])
        {
            return 0;
        }

        // Held now: a report may have come in between, and then it is not overdue any more.
        string? waitsFor;
        await using (var command = unit.Command($"select why, waits_for from ({Overdue} and r.id = @id) o", ("id", runtime)))
        {
            AddTo(command);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            if (!await reader.ReadAsync(cancellationToken) || reader.TextOrNull(0) != why)
            {
                return 0;
            }

            waitsFor = reader.TextOrNull(1);
        }

        await EndRuntime.WithinAsync(unit, held, EndingOf(why, host, waitsFor), cancellationToken);
        return 1;
    }

    private static Ending EndingOf(string why, string host, string? waitsFor) => why switch
    {
        "ungranted" => new Ending(
            RuntimeEnd.Cancelled, $"Not granted within {RuntimeTimeouts.Grant.TotalSeconds:0} s, so its task is decided anew. It waited for: {waitsFor ?? "a slot"}."),
        "unobserved" => new Ending(
            RuntimeEnd.TimedOut, $"Granted, and not observed: host '{host}' showed no process within {RuntimeTimeouts.Start.TotalMinutes:0} min, or did not say for {RuntimeTimeouts.Observe.TotalSeconds:0} s that it is starting one."),
        "unready" => new Ending(
            RuntimeEnd.TimedOut, $"Observed, and not ready within {RuntimeTimeouts.Ready.TotalSeconds:0} s: its process on '{host}' gave no sign of life."),
        "silent" => new Ending(RuntimeEnd.Lost, $"Host '{host}' has not named it for {RuntimeTimeouts.HostLost.TotalSeconds:0} s."),
        _ => new Ending(RuntimeEnd.Lost, $"Host '{host}' is gone: it has not reported for {RuntimeTimeouts.HostLost.TotalSeconds:0} s, or left."),
    };

    private void AddTo(NpgsqlCommand command)
    {
        command.Parameters.AddWithValue("all", heard.GraceIsOver);
        command.Parameters.AddWithValue("heard", heard.Hosts);
        command.Parameters.AddWithValue("grant", RuntimeTimeouts.Grant);
        command.Parameters.AddWithValue("observe", RuntimeTimeouts.Observe);
        command.Parameters.AddWithValue("start", RuntimeTimeouts.Start);
        command.Parameters.AddWithValue("ready", RuntimeTimeouts.Ready);
    }
}
