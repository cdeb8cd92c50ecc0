using System.Collections.Concurrent;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Agents;

/// <summary>Keeps agents that were paused or stopped from spending: what they ask for is refused, and a stop also ends what they have under way.</summary>
/// <remarks>
/// Who may be held is remembered, so that nobody else's request costs a query; the database has the last word. A stop that the agent
/// has acknowledged still holds it until it is given work again, or told to resume: its own word alone does not free it.
/// </remarks>
public sealed class HeldAgents(NpgsqlDataSource database)
{
    private const string Standings =
        """
        select id, paused, stopped from (
            select a.id, a.paused, exists (
                select 1 from interventions s
                where s.agent_id = a.id and s.kind = 'stop'
                    and not exists (select 1 from interventions r where r.agent_id = a.id and r.kind = 'resume' and r.requested_at > s.requested_at)
                    and (s.acknowledged_at is null or not exists (select 1 from leases l where l.agent_id = a.id and l.granted_at > s.acknowledged_at))) as stopped
            from agents a where @agent::uuid is null or a.id = @agent) held
        where paused or stopped
        """;

    // How long a client that can wait is asked to: a founder who pauses an agent wants to look at something.
    private const int PauseSeconds = 15;

    private readonly ConcurrentDictionary<Guid, long> _suspects = new();
    private readonly ConcurrentDictionary<Open, Guid> _open = new();
    private long _suspicions;

    /// <summary>Has the next request of an agent looked up.</summary>
    public void Suspect(Guid agent) => _suspects[agent] = Interlocked.Increment(ref _suspicions);

    /// <summary>Lets an agent pass that is neither paused nor stopped.</summary>
    /// <exception cref="DomainException"><c>agent_paused</c>, <c>agent_stopped</c>.</exception>
    public ValueTask RequireFreeAsync(Guid actor, CancellationToken cancellationToken) =>
        _suspects.TryGetValue(actor, out var suspicion) ? LookAsync(actor, suspicion, cancellationToken) : ValueTask.CompletedTask;

    /// <summary>Has <paramref name="end"/> called when the agent is stopped, until the result is disposed.</summary>
    public IDisposable Watch(Guid actor, Action end)
    {
        var open = new Open(this, end);
        _open[open] = actor;
        return open;
    }

    /// <summary>Takes in who is held: one agent, or all of them. What a stopped one has under way is ended.</summary>
    internal async Task TakeInAsync(Guid? agent, CancellationToken cancellationToken)
    {
        foreach (var (held, _, stopped) in await FindAsync(agent, cancellationToken))
        {
            Suspect(held);
            foreach (var (open, _) in stopped ? _open.Where(o => o.Value == held) : [])
            {
                open.End();
            }
        }
    }

    private async ValueTask LookAsync(Guid actor, long suspicion, CancellationToken cancellationToken)
    {
        switch (await FindAsync(actor, cancellationToken))
        {
            case []:
                // Unless it was held again meanwhile.
                _suspects.TryRemove(KeyValuePair.Create(actor, suspicion));
                break;
            case [(_, _, Stopped: true)]:
                throw new DomainException(ProblemTypes.AgentStopped, "This agent was stopped: it calls no models until it is given work again, or told to resume.");
            default:
                throw new UnavailableException(ProblemTypes.AgentPaused, "This agent is paused: it calls no models until it is told to resume.", PauseSeconds);
        }
    }

    private async Task<List<(Guid Agent, bool Paused, bool Stopped)>> FindAsync(Guid? agent, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Standings);
        command.Parameters.AddWithValue("agent", NpgsqlTypes.NpgsqlDbType.Uuid, (object?)agent ?? DBNull.Value);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var held = new List<(Guid, bool, bool)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            held.Add((reader.GetGuid(0), reader.GetBoolean(1), reader.GetBoolean(2)));
        }

        return held;
    }

    private sealed class Open(HeldAgents among, Action end) : IDisposable
    {
        private readonly Lock _gate = new();
        private bool _over;

        public void End()
        {
            // Within the lock, so that nothing is ended after it has been let go of.
            lock (_gate)
            {
                if (!_over)
                {
                    end();
                }
            }
        }

        public void Dispose()
        {
            lock (_gate)
            {
                _over = true;
            }

            among._open.TryRemove(this, out _);
        }
    }
}

/// <summary>Keeps this host's knowledge of who is held what the log says, whichever host was told.</summary>
public sealed class FollowHeldAgents(HeldAgents held, EventFeed feed, TimeProvider time, ILogger<FollowHeldAgents> logger)
    : SupervisedService("held-agents", time, logger)
{
    /// <inheritdoc />
    public override TimeSpan SilentAfter => Timeout.InfiniteTimeSpan;

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        var position = feed.Head;
        var seen = new List<FeedEvent>();
        await held.TakeInAsync(null, stoppingToken);
        while (true)
        {
            await feed.WaitForMoreAsync(position, stoppingToken);
            seen.Clear();
            var read = feed.Read(position, FeedScope.Everything, seen, int.MaxValue);
            if (read is null)
            {
                await held.TakeInAsync(null, stoppingToken);
            }

            foreach (var agent in seen.Where(e => e.Record.Kind == "intervention.requested").Select(e => e.AgentId).OfType<Guid>().Distinct())
            {
                await held.TakeInAsync(agent, stoppingToken);
                Beat($"agent {agent} looked at");
            }

            position = read ?? feed.Head;
        }
    }
}
