using ControlCenter.Domain.Escalations;
using ControlCenter.Domain.Events;
using ControlCenter.Runtime.Escalations;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Dashboard.Overview;

/// <summary>The counts of the Overview, as of one moment.</summary>
internal sealed record OverviewCounts(
    int AgentsLive, int AgentsSilent, int LeasesHeld, int TasksReady, int TasksBlocked, int TasksActive, int TasksWaiting,
    int Failed24h, int Completed24h, int Recoveries24h, int Agents, int Tickets, DateTimeOffset At,
    int RuntimesLive, int RuntimesWaiting, int SessionsActive, int SessionsUncertain);

/// <summary>Everything that the Overview reads from the database.</summary>
/// <param name="Head">The place in the log that it is at least as new as.</param>
/// <param name="Counts">The counts.</param>
/// <param name="Summary">What waits, in numbers.</param>
/// <param name="Waiting">What waits longest.</param>
/// <param name="Recent">What happened last, newest first.</param>
internal sealed record OverviewReading(
    long Head, OverviewCounts Counts, EscalationSummary Summary, IReadOnlyList<EscalationView> Waiting, IReadOnlyList<EventRecord> Recent);

/// <summary>Reads the Overview once for all who look: however many dashboards are open and however much happens, the database is asked a few times a second at the most.</summary>
internal sealed class OverviewQueries(
    NpgsqlDataSource database, EscalationQueries escalations, EventReader log, EventFeed feed, TimeProvider time) : IDisposable
{
    // A circuit renders five times a second at the most; who knows of something newer waits this long for the next reading, together with all others.
    internal static readonly TimeSpan Spacing = TimeSpan.FromMilliseconds(200);

    // With nothing new in the log only the passing of time changes the counts: what was 24 h ago, who has been silent for 60 s.
    private static readonly TimeSpan LongestShared = TimeSpan.FromSeconds(1);

    private const int MostWaiting = 20;
    private const int MostRecent = 30;

    private const string Counts =
        """
        select
            (select count(*) from agents where last_heartbeat_at > clock_timestamp() - interval '60 s'),
            (select count(*) from agents where last_heartbeat_at <= clock_timestamp() - interval '60 s'),
            (select count(*) from leases where ended_at is null and expires_at > clock_timestamp()),
            (select count(*) from tasks where state = 'ready'),
            (select count(*) from tasks where state = 'blocked'),
            (select count(*) from tasks where state in ('leased', 'running')),
            (select count(*) from tasks where state = 'waiting_human'),
            (select count(*) from tasks where state = 'failed' and ended_at > clock_timestamp() - interval '24 h'),
            (select count(*) from tasks where state = 'completed' and ended_at > clock_timestamp() - interval '24 h'),
            (select count(*) from leases where end_reason = 'expired' and ended_at > clock_timestamp() - interval '24 h'),
            (select count(*) from agents), (select count(*) from (select 1 from tickets limit 1) t), clock_timestamp(),
            (select count(*) from runtimes where phase in ('observed', 'ready')), (select count(*) from runtimes where phase in ('requested', 'granted')),
            (select count(*) from sessions where state = 'active'), (select count(*) from sessions where state = 'uncertain')
        """;

    private readonly SemaphoreSlim _one = new(1, 1);
    private OverviewReading? _last;
    private long _readAt;

    /// <summary>A reading that knows of everything that the feed knew of when it was asked for.</summary>
    public async Task<OverviewReading> ReadAsync(CancellationToken cancellationToken)
    {
        var (head, askedAt) = (feed.Head, time.GetTimestamp());
        await _one.WaitAsync(cancellationToken);
        try
        {
            if (_last is { } last)
            {
                var age = time.GetElapsedTime(_readAt);
                // One that was begun while this one waited is as new as its own would have been, however long it took: who waits never makes a slow database read in turn for each.
                if (last.Head >= head && (age < LongestShared || _readAt >= askedAt))
                {
                    return last;
                }

                if (age < Spacing)
                {
                    await Task.Delay(Spacing - age, time, cancellationToken);
                }
            }

            var readAt = time.GetTimestamp();
            _last = await ReadNowAsync(cancellationToken);
            _readAt = readAt;
            return _last;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();

    private async Task<OverviewReading> ReadNowAsync(CancellationToken cancellationToken)
    {
        var head = feed.Head;
        return new OverviewReading(
            head,
            await CountAsync(cancellationToken),
            await escalations.SummaryAsync(cancellationToken),
            (await escalations.ListAsync(new EscalationFilter(EscalationState.Waiting), new PageRequest(MostWaiting), cancellationToken)).Items,
            await log.ReadBeforeAsync(head + 1, new EventFilter(), MostRecent, cancellationToken));
    }

    private async Task<OverviewCounts> CountAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Counts);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        int Count(int column) => (int)reader.GetInt64(column);
        return new OverviewCounts(
            Count(0), Count(1), Count(2), Count(3), Count(4), Count(5), Count(6), Count(7), Count(8), Count(9), Count(10), Count(11),
            reader.GetFieldValue<DateTimeOffset>(12), Count(13), Count(14), Count(15), Count(16));
    }
}
