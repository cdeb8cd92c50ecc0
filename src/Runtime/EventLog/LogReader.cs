using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Events;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.EventLog;

/// <summary>
/// A part of the host that acts on what happened: reads the log from its own kept position, and moves that position in
/// the transaction in which it acts, so that each event is acted on once, over restarts and with several hosts.
/// </summary>
/// <param name="name">As health shows it; the position is kept under it.</param>
/// <param name="wanted">The events that it acts on.</param>
/// <param name="database">Where the log and the position are.</param>
/// <param name="feed">What this host has in memory of the log.</param>
/// <param name="transactions">Runs what it does.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Its log.</param>
public abstract class LogReader(
    string name, EventFilter wanted, NpgsqlDataSource database, EventFeed feed, Transactions transactions, TimeProvider time, ILogger logger)
    : SupervisedService(name, time, logger)
{
    private const int PageSize = 500;

    // Retention removes nothing that a kept position is not past, so one that has nothing to act on must move too, but not with every page.
    private static readonly TimeSpan KeepEvery = TimeSpan.FromMinutes(1);

    private const string MovePosition = "update log_positions set position = greatest(position, @position) where reader = @reader";

    private readonly EventReader _log = new(database);
    private readonly List<FeedEvent> _seen = [];

    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <summary>Acts on one event, in the transaction that also moves the position.</summary>
    protected abstract Task HandleAsync(UnitOfWork unit, EventRecord record, CancellationToken cancellationToken);

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        var position = await PositionAsync(stoppingToken);
        long? keptAt = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            await feed.WaitForMoreAsync(position, stoppingToken);
            var page = await NextAsync(position, stoppingToken);
            if (page.Events.Count > 0)
            {
                await transactions.RunAsync(Caller.Host, (unit, ct) => ActAsync(unit, page, ct), stoppingToken);
            }
            else if (keptAt is not { } at || Time.GetElapsedTime(at) >= KeepEvery)
            {
                // In between it lags: what is read again then is found by an index, and has no effect.
                await KeepAsync(page.Through, stoppingToken);
                keptAt = Time.GetTimestamp();
            }

            position = page.Through;
            Beat(string.Create(CultureInfo.InvariantCulture, $"at {position}"));
        }
    }

    // From memory as a rule, like every reader of this host; from the database after a start or a long transaction.
    private async Task<LogPage> NextAsync(long position, CancellationToken cancellationToken)
    {
        _seen.Clear();
        if (feed.Read(position, FeedScope.Everything, _seen, int.MaxValue) is { } through)
        {
            return new LogPage([.. _seen.Select(e => e.Record).Where(wanted.Fits)], through);
        }

        var head = feed.Head;
        var events = await _log.ReadAfterAsync(position, head, wanted, PageSize, cancellationToken);
        return new LogPage(events, events.Count == PageSize ? events[^1].Seq : head);
    }

    private async Task<long> ActAsync(UnitOfWork unit, LogPage page, CancellationToken cancellationToken)
    {
        // Another host may be acting on the same events: the row is the lock, and the position in it says what is left.
        await using var command = unit.Command("select position from log_positions where reader = @reader for update", ("reader", Name));
        var kept = (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        foreach (var record in page.Events.Where(r => r.Seq > kept))
        {
            await HandleAsync(unit, record, cancellationToken);
        }

        await unit.ExecuteAsync(MovePosition, cancellationToken, ("reader", Name), ("position", page.Through));
        return page.Through;
    }

    private async Task KeepAsync(long position, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(MovePosition);
        command.Parameters.AddWithValue("reader", Name);
        command.Parameters.AddWithValue("position", position);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<long> PositionAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            """
            with added as (
                insert into log_positions (reader, position) values (@reader, 0) on conflict do nothing returning position)
            select position from added union all select position from log_positions where reader = @reader
            """);
        command.Parameters.AddWithValue("reader", Name);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
