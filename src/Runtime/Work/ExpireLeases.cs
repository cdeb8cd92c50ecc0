using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Work;

/// <summary>
/// Gives tasks back whose lease has run out: a scan by the database's clock, not a timer in a process that may be dead
/// (OR-06). A lease counts as expired the moment its time is over; this only makes its task claimable again.
/// </summary>
public sealed class ExpireLeases(Transactions transactions, TimeProvider time, ILogger<ExpireLeases> logger)
    : SupervisedService("lease-sweeper", time, logger)
{
    // An expired lease is noticed within this time. The scan reads a partial index of the leases in force only.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    // So many at once, so that a mass expiry (a host that was asleep) does not hold locks for long.
    private const int PageSize = 500;

    private const string Sweep =
        """
        with expired as (
            select id, task_id, agent_id, attempt, fencing_token from leases
            where ended_at is null and expires_at <= clock_timestamp()
            order by expires_at limit @page for update skip locked),
        ended as (
            update leases l set ended_at = clock_timestamp(), end_reason = 'expired' from expired e where l.id = e.id
            returning l.id),
        returned as (
            update tasks t set
                state = case when t.attempt >= t.max_attempts then 'failed' else 'ready' end,
                attempt = least(t.attempt + 1, t.max_attempts),
                lease_id = null,
                error = case when t.attempt >= t.max_attempts
                    then 'The lease of the last attempt (' || t.attempt || ' of ' || t.max_attempts || ') expired.' else t.error end,
                ended_at = case when t.attempt >= t.max_attempts then clock_timestamp() end,
                updated_at = clock_timestamp()
            from expired e where t.id = e.task_id
            returning t.id, t.ticket_id, t.state, t.attempt, t.max_attempts, t.title,
                e.id as lease, e.agent_id as holder, e.attempt as expired_attempt, e.fencing_token as token)
        select r.* from returned r join ended on ended.id = r.lease
        """;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            var swept = await transactions.RunAsync(Caller.Host, SweepAsync, stoppingToken);
            while (swept == PageSize)
            {
                swept += await transactions.RunAsync(Caller.Host, SweepAsync, stoppingToken);
            }

            Beat(swept == 0 ? "no lease has expired" : string.Create(CultureInfo.InvariantCulture, $"{swept} leases expired"));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>Ends every lease whose time is over, in one transaction.</summary>
    /// <returns>How many.</returns>
    internal static async Task<int> AllAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        var (all, swept) = (0, 0);
        do
        {
            all += swept = await SweepAsync(unit, cancellationToken);
        }
        while (swept == PageSize);
        return all;
    }

    private static async Task<int> SweepAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(Sweep, ("page", PageSize));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var count = 0;
        while (await reader.ReadAsync(cancellationToken))
        {
            count++;
            var task = reader.GetGuid(0);
            var ticket = reader.GetGuid(1);
            var failed = reader.GetString(2) == "failed";
            var data = new
            {
                AgentId = reader.GetGuid(7),
                LeaseId = reader.GetGuid(6),
                TaskId = task,
                Title = reader.GetString(5),
                ExpiredAttempt = reader.GetInt32(8),
                Attempt = reader.GetInt32(3),
                MaxAttempts = reader.GetInt32(4),
                FencingToken = reader.GetInt64(9),
                Exhausted = failed,
            };
            unit.Record("lease.expired", ("lease", data.LeaseId.ToString()), data, ticket, task);
            unit.Record(failed ? "task.failed" : "task.ready", ("task", task.ToString()), data, ticket, task);
        }

        return count;
    }
}
