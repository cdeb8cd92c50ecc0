using System.Text.Json;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Ids;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Domain.Work;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.EventLog;
using ControlCenter.Runtime.Governance;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace ControlCenter.Runtime.Work;

/// <summary>An agent asks for work.</summary>
/// <param name="AgentId">Who asks.</param>
/// <param name="Capabilities">What it can do; what it registered with unless said.</param>
/// <param name="WaitSeconds">How long it is ready to wait for work: 0 to 60.</param>
public sealed record ClaimTaskRequest(Guid AgentId, string[]? Capabilities = null, int? WaitSeconds = null);

/// <summary>The work that it gets.</summary>
public sealed record ClaimedWork(ClaimedTask Task, GrantedLease Lease);

/// <summary>A task as its new holder needs it, with the checkpoint that it goes on from.</summary>
public sealed record ClaimedTask(
    Guid TaskId, Guid TicketId, string TicketKey, string Title, string? Instructions, string[] RequiredCapabilities, int Priority,
    TaskState State, int Attempt, int MaxAttempts, int LeaseSeconds, JsonElement? Checkpoint, DateTimeOffset? CheckpointAt);

/// <summary>The right to work on it.</summary>
public sealed record GrantedLease(Guid LeaseId, long FencingToken, DateTimeOffset ExpiresAt);

/// <summary>Hands out ready tasks: highest priority, then oldest; one task to one agent; many agents in one commit.</summary>
public sealed class ClaimTask(
    NpgsqlDataSource database, EventLogSignal signal, EventFeed feed, Admission admission,
    IHostApplicationLifetime lifetime, TimeProvider time, ILogger<ClaimTask> logger)
    : GroupCommit<ClaimTask.Ask, ClaimedWork>("task-claims", database, signal, time, logger)
{
    private const int LongestWaitSeconds = 60;

    /// <summary>Claims a task, or none if there is none for this agent within its wait.</summary>
    /// <exception cref="NotFoundException">No such agent.</exception>
    /// <exception cref="ForbiddenException">The caller is another agent.</exception>
    /// <exception cref="UnavailableException"><c>admission_closed</c>: the host does not admit execution.</exception>
    public async Task<Outcome<ClaimedWork>> ExecuteAsync(
        ClaimTaskRequest request, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.RequireSelfOrAny(request.AgentId);
        new FieldErrors()
            .Add("capabilities", TextRules.NameList(request.Capabilities, most: 200))
            .Add("wait_seconds", request.WaitSeconds is < 0 or > LongestWaitSeconds ? $"Between 0 and {LongestWaitSeconds}; {request.WaitSeconds} was given." : null)
            .ThrowIfAny();
        var ask = new Ask(request.AgentId, request.Capabilities, caller, UnitOfWork.CurrentCorrelation);
        var askedAt = Time.GetTimestamp();
        var patience = TimeSpan.FromSeconds(request.WaitSeconds ?? 0);
        while (true)
        {
            admission.RequireExecution();
            var position = feed.Head;
            // While there is time left an empty hand is not the answer yet, so it is not kept as one either.
            var last = Time.GetElapsedTime(askedAt) >= patience || lifetime.ApplicationStopping.IsCancellationRequested;
            var outcome = await SubmitAsync(ask with { MayWait = !last }, idempotency, cancellationToken);
            if (outcome.Value is not null || outcome.Replayed is not null || last)
            {
                return outcome;
            }

            await WaitForWorkAsync(position, patience - Time.GetElapsedTime(askedAt), cancellationToken);
        }
    }

    /// <inheritdoc />
    protected override bool IsAnswer(GroupMember<Ask, ClaimedWork> member) => member.Result is not null || !member.Request.MayWait;

    /// <inheritdoc />
    protected override async Task ExecuteAsync(
        NpgsqlConnection connection, IReadOnlyList<GroupMember<Ask, ClaimedWork>> group, List<EventDraft> events, CancellationToken cancellationToken)
    {
        var (agents, candidates) = await FindCandidatesAsync(connection, group, cancellationToken);
        var matches = Match(group, agents, candidates);
        if (matches.Count > 0)
        {
            await GrantAsync(connection, matches, cancellationToken);
            events.AddRange(matches.Select(m => m.ToEvent()));
        }
    }

    private static async Task<(Dictionary<Guid, AgentRow> Agents, List<Candidate> Candidates)> FindCandidatesAsync(
        NpgsqlConnection connection, IReadOnlyList<GroupMember<Ask, ClaimedWork>> group, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                // A stop that the agent has not acknowledged keeps work from it like a pause, unless it was told to resume since;
                // and so does a budget of its own, or of everybody, that is used up.
                new NpgsqlBatchCommand(
                    """
                    select id, capabilities, paused or exists (
                        select 1 from interventions s
                        where s.agent_id = a.id and s.kind = 'stop' and s.acknowledged_at is null and not exists (
                            select 1 from interventions r
                            where r.agent_id = a.id and r.kind = 'resume' and r.requested_at > s.requested_at))
                        or exists (
                            select 1 from budgets_exhausted x where x.scope = 'global' or (x.scope = 'agent' and x.scope_id = a.id::text))
                    from agents a where id = any($1)
                    """)
                {
                    Parameters = { new() { Value = group.Select(m => m.Request.AgentId).Distinct().ToArray() } },
                },

                // Each set of required capabilities that anybody here could meet, in the order of its own index, so that
                // the cost follows the number of sets and of callers and not the number of ready tasks.
                new NpgsqlBatchCommand(
                    $"""
                    select t.id, t.ticket_id, t.priority, t.ordinal, t.fencing_token, s.capabilities
                    from capability_sets s
                    cross join lateral (
                        select id, ticket_id, priority, ordinal, fencing_token from tasks
                        where state = 'ready' and capability_set_id = s.id and not exists (
                            select 1 from budgets_exhausted x where {WithheldWork.Withholds})
                            and not exists (select 1 from sessions u where u.task_id = tasks.id and u.state = 'uncertain')
                        order by priority desc, ordinal limit $3 for update skip locked) t
                    where s.capabilities <@ ($1 || array(select unnest(capabilities) from agents where id = any($2)))
                    order by t.priority desc, t.ordinal
                    """)
                {
                    Parameters =
                    {
                        new() { Value = group.SelectMany(m => m.Request.Capabilities ?? []).Distinct(StringComparer.Ordinal).ToArray() },
                        new() { Value = group.Select(m => m.Request.AgentId).Distinct().ToArray() },
                        new() { Value = group.Count },
                    },
                },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var agents = new Dictionary<Guid, AgentRow>();
        while (await reader.ReadAsync(cancellationToken))
        {
            agents[reader.GetGuid(0)] = new AgentRow(reader.GetFieldValue<string[]>(1), reader.GetBoolean(2));
        }

        await reader.NextResultAsync(cancellationToken);
        var candidates = new List<Candidate>();
        while (await reader.ReadAsync(cancellationToken))
        {
            candidates.Add(new Candidate(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetInt64(4), reader.GetFieldValue<string[]>(5)));
        }

        return (agents, candidates);
    }

    /// <summary>Gives each caller, in the order in which they came, the first task that it is able to do.</summary>
    private List<Pairing> Match(
        IReadOnlyList<GroupMember<Ask, ClaimedWork>> group, Dictionary<Guid, AgentRow> agents, List<Candidate> candidates)
    {
        var matches = new List<Pairing>(group.Count);
        foreach (var member in group)
        {
            if (!agents.TryGetValue(member.Request.AgentId, out var agent))
            {
                member.Problem = new NotFoundException("agent", member.Request.AgentId.ToString());
                continue;
            }

            if (agent.Held)
            {
                continue;
            }

            var able = member.Request.Capabilities ?? agent.Capabilities;
            var index = candidates.FindIndex(c => Array.TrueForAll(c.Required, r => Array.IndexOf(able, r) >= 0));
            if (index < 0)
            {
                continue;
            }

            matches.Add(new Pairing(member, candidates[index], Uuid7.New(Time)));
            candidates.RemoveAt(index);
        }

        return matches;
    }

    private static async Task GrantAsync(NpgsqlConnection connection, List<Pairing> matches, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand(
                    """
                    with granted as (
                        update tasks t set state = 'leased', lease_id = g.lease_id, agent_id = g.agent_id, percent = null,
                            fencing_token = t.fencing_token + 1, updated_at = clock_timestamp()
                        from unnest($1, $2, $3) as g(task_id, lease_id, agent_id)
                        where t.id = g.task_id
                        returning t.*),
                    leased as (
                        insert into leases (id, task_id, agent_id, attempt, fencing_token, granted_at, expires_at)
                        select g.lease_id, g.id, g.agent_id, g.attempt, g.fencing_token, g.updated_at, g.updated_at + make_interval(secs => g.lease_seconds)
                        from granted g
                        returning id, expires_at)
                    select g.id, g.ticket_id, k.number, g.title, g.instructions, s.capabilities, g.priority, g.attempt, g.max_attempts,
                        g.lease_seconds, c.state::text, c.created_at, l.id, g.fencing_token, l.expires_at
                    from granted g
                    join leased l on l.id = g.lease_id
                    join tickets k on k.id = g.ticket_id
                    join capability_sets s on s.id = g.capability_set_id
                    left join checkpoints c on c.id = g.checkpoint_id
                    """)
                {
                    Parameters =
                    {
                        new() { Value = matches.Select(m => m.Task.Id).ToArray() },
                        new() { Value = matches.Select(m => m.LeaseId).ToArray() },
                        new() { Value = matches.Select(m => m.Member.Request.AgentId).ToArray() },
                    },
                },
                new NpgsqlBatchCommand("update tickets set state = 'in_progress', updated_at = clock_timestamp() where id = any($1) and state = 'open'")
                {
                    Parameters = { new() { Value = matches.Select(m => m.Task.TicketId).Distinct().ToArray() } },
                },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        var byLease = matches.ToDictionary(m => m.LeaseId);
        while (await reader.ReadAsync(cancellationToken))
        {
            var lease = new GrantedLease(reader.GetGuid(12), reader.GetInt64(13), reader.GetFieldValue<DateTimeOffset>(14));
            byLease[lease.LeaseId].Member.Result = new ClaimedWork(
                new ClaimedTask(
                    reader.GetGuid(0), reader.GetGuid(1), Ticket.KeyOf(reader.GetInt64(2)), reader.GetString(3),
                    reader.IsDBNull(4) ? null : reader.GetString(4), reader.GetFieldValue<string[]>(5), reader.GetInt16(6),
                    TaskState.Leased, reader.GetInt32(7), reader.GetInt32(8), reader.GetInt32(9),
                    reader.IsDBNull(10) ? null : JsonElement.Parse(reader.GetString(10)),
                    reader.IsDBNull(11) ? null : reader.GetFieldValue<DateTimeOffset>(11)),
                lease);
        }
    }

    /// <summary>Waits until the log tells of something that may have made a task ready, or the patience is over.</summary>
    private async Task WaitForWorkAsync(long position, TimeSpan patience, CancellationToken cancellationToken)
    {
        // Time goes on between two looks at it, and a delay of minus one millisecond would mean for ever.
        using var timeout = new CancellationTokenSource(patience > TimeSpan.Zero ? patience : TimeSpan.Zero, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token, lifetime.ApplicationStopping);
        try
        {
            await feed.WaitForAsync(position, e => MayMakeReady(e.Record.Kind), either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Patience over, or the host is stopping: the caller asks one last time, so that nothing is missed in between.
        }
    }

    private static bool MayMakeReady(string kind) =>
        kind is "task.created" or "task.ready" or "task.released" or "task.dependencies_changed" or "agent.resumed" or "intervention.acknowledged"
            or "admission.changed" or "budget.reopened" or "runtime.session_decided";

    /// <summary>One caller's wish.</summary>
    /// <param name="AgentId">For whom.</param>
    /// <param name="Capabilities">What it can do, if it said.</param>
    /// <param name="Caller">Who asks.</param>
    /// <param name="CorrelationId">The trace.</param>
    /// <param name="MayWait">It will ask again if there is nothing now.</param>
    public sealed record Ask(Guid AgentId, string[]? Capabilities, Caller Caller, Guid? CorrelationId, bool MayWait = false);

    private sealed record AgentRow(string[] Capabilities, bool Held);

    private sealed record Candidate(Guid Id, Guid TicketId, long FencingToken, string[] Required);

    private sealed record Pairing(GroupMember<Ask, ClaimedWork> Member, Candidate Task, Guid LeaseId)
    {
        public EventDraft ToEvent() => new(
            Member.Request.AgentId, "task.claimed", "task", Task.Id.ToString(), Task.TicketId, Task.Id,
            $$"""{"agent_id":"{{Member.Request.AgentId}}","lease_id":"{{LeaseId}}","fencing_token":{{Task.FencingToken + 1}}}""",
            Member.Request.CorrelationId);
    }
}
