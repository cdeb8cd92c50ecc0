using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Queries;
using ControlCenter.Domain.Events;
using Npgsql;

namespace ControlCenter.Dashboard.Overview;

/// <summary>The counts of the Overview, as of one moment.</summary>
internal sealed record OverviewCounts(
    int AgentsLive, int AgentsSilent, int LeasesHeld, int TasksReady, int TasksBlocked, int TasksActive, int TasksWaiting,
    int Failed24h, int Completed24h, int Recoveries24h, int Agents, int Tickets, DateTimeOffset At);

/// <summary>Counts for the Overview. Shared by all who look: however many dashboards are open, it is asked a few times a second at the most.</summary>
internal sealed class OverviewQueries(NpgsqlDataSource database, TimeProvider time) : IDisposable
{
    // Below this a second look gives the first one's answer; with it, fifty open dashboards cost what one does.
    private static readonly TimeSpan SharedFor = TimeSpan.FromMilliseconds(300);

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
            (select count(*) from agents), (select count(*) from (select 1 from tickets limit 1) t), clock_timestamp()
        """;

    private readonly SemaphoreSlim _one = new(1, 1);
    private OverviewCounts? _last;
    private long _readAt;

    /// <summary>The counts, at the most <see cref="SharedFor"/> old.</summary>
    public async Task<OverviewCounts> ReadAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            if (_last is null || time.GetElapsedTime(_readAt) > SharedFor)
            {
                _last = await CountAsync(cancellationToken);
                _readAt = time.GetTimestamp();
            }

            return _last;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _one.Dispose();

    private async Task<OverviewCounts> CountAsync(CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Counts);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        int Count(int column) => (int)reader.GetInt64(column);
        return new OverviewCounts(
            Count(0), Count(1), Count(2), Count(3), Count(4), Count(5), Count(6), Count(7), Count(8), Count(9), Count(10), Count(11),
            reader.GetFieldValue<DateTimeOffset>(12));
    }
}
