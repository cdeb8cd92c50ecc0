using System.Globalization;
using ControlCenter.Domain.Events;
using ControlCenter.Runtime.Hosting;
using ControlCenter.Runtime.Storage;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.EventLog;

/// <summary>
/// Follows the log for this host and hands what it reads to the <see cref="EventFeed"/>: nothing missing, nothing twice,
/// in order, however many transactions commit at once.
/// </summary>
/// <remarks>
/// Places are taken before commits, so a lower one can appear after a higher one. While the places read follow each
/// other without a gap there is nothing to wonder about. At a gap the tail takes a transaction id of its own and goes past
/// the gap only when every transaction with a lower one has ended: what is still missing was rolled back.
/// </remarks>
public sealed partial class EventTail(
    NpgsqlDataSource database,
    EventFeed feed,
    EventLogSignal signal,
    TimeProvider time,
    ILogger<EventTail> logger) : SupervisedService("event-tail", time, logger)
{
    /// <summary>The channel on which hosts tell each other of commits.</summary>
    public const string NotificationChannel = "cc_events";

    // Readers of another host's commits wait this long at the worst, when a notification was lost.
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(500);

    // Between two reads, so that a busy log is read in groups and not row by row. Far below what anybody can see.
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(4);

    // How soon a gap is looked at again: the transaction in it usually ends within a millisecond or two.
    private static readonly TimeSpan GapRecheck = TimeSpan.FromMilliseconds(2);

    private const int PageSize = 2_000;

    private long _position;
    private bool _started;
    private GapHorizon? _gap;
    private TailReading _reading = new(0, 0, time.GetTimestamp(), false);

    /// <summary>How far the tail is, and how fresh that is.</summary>
    public TailReading Tail => Volatile.Read(ref _reading);

    /// <summary>Ends when the tail has found its starting point and follows the log.</summary>
    public Task Started => _startedSource.Task;

    private readonly TaskCompletionSource _startedSource = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        await using var kept = new KeptConnection(database);
        var connection = await kept.GetAsync(stoppingToken);
        if (!_started)
        {
            _position = await SettledHeadAsync(connection, stoppingToken);
            feed.StartAt(_position);
            _started = true;
            _startedSource.TrySetResult();
        }

        using var listening = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var listener = ListenAsync(listening.Token);
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                var more = await ReadOnceAsync(connection, stoppingToken);
                Beat(string.Create(CultureInfo.InvariantCulture, $"at {_position}"));
                if (_gap is not null)
                {
                    await signal.WaitForNewsAsync(GapRecheck, stoppingToken);
                }
                else if (!more)
                {
                    await Task.Delay(Breath, stoppingToken);
                    await signal.WaitForNewsAsync(PollInterval, stoppingToken);
                }
            }
        }
        finally
        {
            await listening.CancelAsync();
            await listener.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // A commit of this host says that the database is back: its caller was answered, and is not to wait for the rest of a
    // backoff before anybody can see what it wrote.
    /// <inheritdoc />
    protected override Task BackOffAsync(TimeSpan delay, CancellationToken stoppingToken) => signal.WaitForNewsAsync(delay, stoppingToken);

    /// <summary>Reads one page and publishes what is settled of it. True if there may be more at once.</summary>
    private async Task<bool> ReadOnceAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var settledThrough = await SettledThroughAsync(connection, cancellationToken);
        var page = await ReadPageAsync(connection, cancellationToken);
        var settled = SettledPrefix(page, settledThrough);
        if (settled > 0)
        {
            var events = new FeedEvent[settled];
            for (var i = 0; i < settled; i++)
            {
                events[i] = new FeedEvent(page[i]);
            }

            _position = page[settled - 1].Seq;
            feed.Publish(events, _position);
        }

        if (settled < page.Count)
        {
            _gap ??= new GapHorizon(await NewTransactionIdAsync(connection, cancellationToken), page[^1].Seq);
        }
        else
        {
            _gap = null;
        }

        Volatile.Write(ref _reading, new TailReading(_position, page.Count - settled, Time.GetTimestamp(), page.Count == PageSize));
        return page.Count == PageSize;
    }

    /// <summary>The place up to which a gap no longer means a transaction in flight.</summary>
    private async Task<long> SettledThroughAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (_gap is not { } gap || await OldestInFlightAsync(connection, cancellationToken) < gap.TransactionsBefore)
        {
            return 0;
        }

        _gap = null;
        return gap.Through;
    }

    private int SettledPrefix(List<EventRecord> page, long settledThrough)
    {
        var expected = _position + 1;
        var count = 0;
        foreach (var record in page)
        {
            if (record.Seq != expected && record.Seq > settledThrough)
            {
                break;
            }

            expected = record.Seq + 1;
            count++;
        }

        return count;
    }

    private async Task<List<EventRecord>> ReadPageAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(EventReader.TailStatement, connection)
        {
            Parameters = { new NpgsqlParameter<long> { TypedValue = _position }, new NpgsqlParameter<int> { TypedValue = PageSize } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var page = new List<EventRecord>();
        while (await reader.ReadAsync(cancellationToken))
        {
            page.Add(EventReader.ReadRecord(reader));
        }

        return page;
    }

    /// <summary>The newest place below which nothing is in flight, found once at the start.</summary>
    private static async Task<long> SettledHeadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var head = await LastSeqAsync(connection, cancellationToken);
        var inFlightBefore = await NewTransactionIdAsync(connection, cancellationToken);
        while (await OldestInFlightAsync(connection, cancellationToken) < inFlightBefore)
        {
            await Task.Delay(GapRecheck, cancellationToken);
        }

        return head;
    }

    private static async Task<long> LastSeqAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "select greatest((select coalesce(max(seq), 0) from events), (select pruned_through from event_log_state))", connection);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    // A transaction id of its own is higher than every one that has been given out before. A snapshot's xmax is not: it is
    // one past the newest that has *ended*, and a transaction in flight may have that very id.
    private static Task<ulong> NewTransactionIdAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        TransactionIdAsync(connection, "select pg_current_xact_id()::text", cancellationToken);

    private static Task<ulong> OldestInFlightAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        TransactionIdAsync(connection, "select pg_snapshot_xmin(pg_current_snapshot())::text", cancellationToken);

    private static async Task<ulong> TransactionIdAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return ulong.Parse((string)(await command.ExecuteScalarAsync(cancellationToken))!, CultureInfo.InvariantCulture);
    }

    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(cancellationToken);
                connection.Notification += (_, _) => signal.Heard();
                await using (var listen = new NpgsqlCommand($"listen {NotificationChannel}", connection))
                {
                    await listen.ExecuteNonQueryAsync(cancellationToken);
                }

                while (true)
                {
                    await connection.WaitAsync(cancellationToken);
                }
            }
            catch (Exception fault) when (fault is NpgsqlException or InvalidOperationException && !cancellationToken.IsCancellationRequested)
            {
                LogListenLost(Logger, fault);
                await Task.Delay(PollInterval, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(EventId = 1101, Level = LogLevel.Warning, Message = "Notifications of other hosts' events are lost for now; the tail polls meanwhile")]
    private static partial void LogListenLost(ILogger logger, Exception fault);

    /// <param name="TransactionsBefore">An id that was given out after the gap was seen: whoever left the gap has a lower one.</param>
    /// <param name="Through">The newest place that was visible then.</param>
    private sealed record GapHorizon(ulong TransactionsBefore, long Through);
}

/// <summary>How far the tail is.</summary>
/// <param name="Position">The newest place handed to readers.</param>
/// <param name="HeldBack">How many events are visible but wait for a transaction before them.</param>
/// <param name="ReadAt">When this was read: a timestamp of the host's clock.</param>
/// <param name="Behind">True when there was more to read than one page.</param>
public sealed record TailReading(long Position, int HeldBack, long ReadAt, bool Behind);
