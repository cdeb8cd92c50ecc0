using System.Text.Json.Serialization;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Work;

/// <summary>A lease as its holder names it.</summary>
public sealed record LeaseClaim(Guid LeaseId, long FencingToken);

/// <summary>What became of a lease that was named: a new expiry, or gone.</summary>
public sealed record LeaseStanding(
    Guid LeaseId,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTimeOffset? ExpiresAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Lost);

/// <summary>Renews leases with a heartbeat.</summary>
public static class LeaseRenewals
{
    // A task that waits for a human keeps its lease for as long as its agent sends heartbeats; an agent not heard
    // from for this long is lost (bus-api.md: 180 s), and so is then its hold on the task.
    private const int WaitingSeconds = 180;

    /// <summary>The shortest lease of an agent that a host reports for: three reports, as its slot's. Shorter ones would run out between two.</summary>
    internal const int LeastUnderHost = 45;

    /// <summary>Renews the leases named, and keeps those whose tasks wait for a human.</summary>
    /// <returns>One line a lease named, in order; a lease that is another agent's, or over, is lost.</returns>
    public static async Task<List<LeaseStanding>> RenewAsync(
        UnitOfWork unit, Guid agent, IReadOnlyList<LeaseClaim> named, CancellationToken cancellationToken)
    {
        var renewed = new Dictionary<Guid, DateTimeOffset>();
        await using var command = unit.Command(
            """
            update leases l set expires_at = greatest(l.expires_at, clock_timestamp() + make_interval(
                secs => case when t.state = 'waiting_human' then greatest(t.lease_seconds, @waiting) else t.lease_seconds end))
            from tasks t
            where t.id = l.task_id and l.agent_id = @agent and l.ended_at is null and l.expires_at > clock_timestamp()
              and (t.state = 'waiting_human'
                   or (l.id, l.fencing_token) in (select * from unnest(@leases, @tokens)))
            returning l.id, l.expires_at, l.fencing_token
            """,
            ("agent", agent), ("waiting", WaitingSeconds),
            ("leases", named.Select(n => n.LeaseId).ToArray()), ("tokens", named.Select(n => n.FencingToken).ToArray()));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            renewed[reader.GetGuid(0)] = reader.GetFieldValue<DateTimeOffset>(1);
        }

        return named.Select(n => renewed.TryGetValue(n.LeaseId, out var expiry)
            ? new LeaseStanding(n.LeaseId, expiry, Lost: false)
            : new LeaseStanding(n.LeaseId, null, Lost: true)).ToList();
    }

    /// <summary>Renews the leases of agents that were seen to run, each named with its agent, and keeps those whose tasks wait for a human.</summary>
    public static Task RenewManyAsync(UnitOfWork unit, IReadOnlyList<(Guid Agent, LeaseClaim Lease)> named, CancellationToken cancellationToken) => unit.ExecuteAsync(
        """
        update leases l set expires_at = greatest(l.expires_at, clock_timestamp() + make_interval(
            secs => case when t.state = 'waiting_human' then greatest(t.lease_seconds, @waiting) else greatest(t.lease_seconds, @least) end))
        from tasks t, unnest(@agents, @leases, @tokens) as n(agent_id, lease_id, token)
        where l.id = n.lease_id and l.fencing_token = n.token and l.agent_id = n.agent_id and t.id = l.task_id
          and l.ended_at is null and l.expires_at > clock_timestamp()
        """,
        cancellationToken, ("waiting", WaitingSeconds), ("least", LeastUnderHost), ("agents", named.Select(n => n.Agent).ToArray()),
        ("leases", named.Select(n => n.Lease.LeaseId).ToArray()), ("tokens", named.Select(n => n.Lease.FencingToken).ToArray()));
}
