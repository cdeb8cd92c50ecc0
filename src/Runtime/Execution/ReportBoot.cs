using System.Globalization;
using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Execution;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Queries;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Execution;

/// <summary>What a start of the bus found (OR-18).</summary>
/// <param name="InFlight">What was under way when it started.</param>
/// <param name="Resumed">How many of those go on.</param>
/// <param name="Ended">How many of those are over by now.</param>
/// <param name="NeedsHuman">Sessions that a human is to decide about.</param>
public sealed record BootReport(IReadOnlyList<InFlightRuntime> InFlight, int Resumed, int Ended, IReadOnlyList<UncertainSession> NeedsHuman);

/// <summary>A runtime that was under way at a start of the bus.</summary>
/// <param name="RuntimeId">Which.</param>
/// <param name="Agent">Its agent.</param>
/// <param name="Host">Where.</param>
/// <param name="TaskId">For which task.</param>
/// <param name="Before">How far it was.</param>
/// <param name="Now">How far it is now.</param>
/// <param name="End">How it ended, if it has.</param>
public sealed record InFlightRuntime(Guid RuntimeId, string Agent, string? Host, Guid? TaskId, RuntimePhase Before, RuntimePhase Now, RuntimeEnd? End);

/// <summary>A session that a human is to decide about.</summary>
public sealed record UncertainSession(Guid SessionId, Guid? TaskId, string Agent, decimal Continuity, string[] Reasons);

/// <summary>Tells once after each start of the bus what was in flight, what goes on, and what needs a human.</summary>
public sealed class ReportBoot(NpgsqlDataSource database, Transactions transactions, TimeProvider time, ILogger<ReportBoot> logger)
    : SupervisedService("boot-report", time, logger)
{
    /// <summary>The event that tells of it.</summary>
    public const string Reported = "runtime.boot_report";

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // By then every host has reported, or is lost.
    private static readonly TimeSpan LongestWait = RuntimeTimeouts.HostLost + RuntimeTimeouts.HostReport;

    private const string Live =
        """
        select r.id, a.name, h.name, r.task_id, r.phase, r.end_kind, r.seen_at
        from runtimes r join agents a on a.id = r.agent_id left join hosts h on h.id = r.host_id
        where {0} order by r.requested_at, r.id
        """;

    // Looked at before anything runs: what is asked for after the start was not in flight at it.
    private List<Row>? _before;

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        var startedAt = Time.GetTimestamp();
        _before ??= await ReadAsync("r.phase <> 'ended'", null, stoppingToken);
        using var timer = new PeriodicTimer(Interval, Time);
        var now = _before;
        while (now.Any(r => r.IsUnseen(_before)) && Time.GetElapsedTime(startedAt) < LongestWait)
        {
            Beat(string.Create(CultureInfo.InvariantCulture, $"{_before.Count} runtimes were in flight; their hosts are waited for"));
            await timer.WaitForNextTickAsync(stoppingToken);
            now = await ReadAsync("r.id = any(@ids)", [.. _before.Select(b => b.Id)], stoppingToken);
        }

        await transactions.RunAsync(Caller.Host, (unit, ct) => TellAsync(unit, _before, now, ct), stoppingToken);
        Beat(string.Create(CultureInfo.InvariantCulture, $"told: {_before.Count} runtimes were in flight"));
        await Task.Delay(Timeout.InfiniteTimeSpan, Time, stoppingToken);
    }

    private static async Task<bool> TellAsync(UnitOfWork unit, List<Row> before, List<Row> now, CancellationToken cancellationToken)
    {
        var was = before.ToDictionary(b => b.Id, b => b.Phase);
        var report = new BootReport(
            [.. now.Select(r => new InFlightRuntime(r.Id, r.Agent, r.Host, r.TaskId, was[r.Id], r.Phase, r.End))],
            now.Count(r => r.Phase != RuntimePhase.Ended), now.Count(r => r.Phase == RuntimePhase.Ended), await UncertainAsync(unit, cancellationToken));
        unit.Record(Reported, ("host", ""), report);
        return true;
    }

    private static async Task<List<UncertainSession>> UncertainAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            select s.id, s.task_id, a.name, s.continuity, s.continuity_reasons from sessions s join agents a on a.id = s.agent_id
            where s.state = 'uncertain' order by s.created_at, s.id limit 100
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var sessions = new List<UncertainSession>();
        while (await reader.ReadAsync(cancellationToken))
        {
            sessions.Add(new UncertainSession(
                reader.GetGuid(0), reader.ValueOrNull<Guid>(1), reader.GetString(2), reader.ValueOrNull<decimal>(3) ?? 0, reader.GetFieldValue<string[]>(4)));
        }

        return sessions;
    }

    private async Task<List<Row>> ReadAsync(string condition, Guid[]? ids, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(string.Format(CultureInfo.InvariantCulture, Live, condition));
        if (ids is not null)
        {
            command.Parameters.AddWithValue("ids", ids);
        }

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<Row>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(new Row(
                reader.GetGuid(0), reader.GetString(1), reader.TextOrNull(2), reader.ValueOrNull<Guid>(3), WireNames<RuntimePhase>.Parse(reader.GetString(4)),
                reader.TextOrNull(5) is { } end ? WireNames<RuntimeEnd>.Parse(end) : null, reader.ValueOrNull<DateTimeOffset>(6)));
        }

        return rows;
    }

    private sealed record Row(Guid Id, string Agent, string? Host, Guid? TaskId, RuntimePhase Phase, RuntimeEnd? End, DateTimeOffset? SeenAt)
    {
        // Neither seen since the start nor over; one that waits for a slot has no host to be seen by.
        public bool IsUnseen(List<Row> before) =>
            Phase is RuntimePhase.Granted or RuntimePhase.Observed or RuntimePhase.Ready && SeenAt == before.Find(b => b.Id == Id)?.SeenAt;
    }
}

/// <summary>The newest boot report, with when it was made.</summary>
public sealed record BootReportView(DateTimeOffset At, BootReport Report);

/// <summary>Reads what the newest start found.</summary>
public sealed class BootReportQuery(NpgsqlDataSource database)
{
    /// <summary>The newest report; null before the first.</summary>
    public async Task<BootReportView?> LatestAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand($"select at, data::text from events where kind = '{ReportBoot.Reported}' order by seq desc limit 1");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new BootReportView(reader.GetFieldValue<DateTimeOffset>(0), JsonSerializer.Deserialize<BootReport>(reader.GetString(1), WireJson.Options)!)
            : null;
    }
}
