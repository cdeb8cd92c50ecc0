using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Costs;

/// <summary>What a task used of one module.</summary>
public sealed record TaskModule(string? Module, string? Provider, AccessPath? AccessPath, long Uses, IReadOnlyList<CurrencyCosts> ByCurrency);

/// <summary>By whom a task's uses were made.</summary>
public sealed record TaskRuntime(Guid? AgentId, string? AgentName, string? Surface, string? NodeId, long Uses);

/// <summary>What a task cost, and how much of that is not known.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="TicketId">Its ticket.</param>
/// <param name="CostObservable">Whether the five questions of the blueprint (8.14.4) are answered; null where nobody has worked yet.</param>
/// <param name="Answers">Each question, with what its answer leaves out.</param>
/// <param name="Uses">Uses of modules.</param>
/// <param name="Failures">Uses that failed.</param>
/// <param name="Retries">Attempts after the first.</param>
/// <param name="Fallbacks">Modules that were tried before the one that answered.</param>
/// <param name="UnknownCostEvents">Uses of which nobody knows what they cost: they are in no sum.</param>
/// <param name="P50LatencyMs">Half of the uses took no longer.</param>
/// <param name="P95LatencyMs">95 of 100 took no longer.</param>
/// <param name="ByCurrency">What they cost.</param>
/// <param name="Modules">By module, the dearest first.</param>
/// <param name="Runtimes">By agent, surface and node.</param>
public sealed record TaskCosts(
    Guid TaskId, Guid TicketId, bool? CostObservable, IReadOnlyList<CostAnswer> Answers, long Uses, long Failures, long Retries, long Fallbacks, long UnknownCostEvents,
    int? P50LatencyMs, int? P95LatencyMs, IReadOnlyList<CurrencyCosts> ByCurrency, IReadOnlyList<TaskModule> Modules, IReadOnlyList<TaskRuntime> Runtimes);

/// <summary>Reads what one task cost: from its events, by their index.</summary>
public sealed class TaskCostQueries(NpgsqlDataSource database)
{
    private const string Sql =
        $"""
        with h as (select distinct agent_id from leases where task_id = @task)
        select t.ticket_id, (select count(*) from h)::int, (select count(*) from h where not exists (select from cost_events e where e.task_id = @task and e.agent_id = h.agent_id))::int
        from tasks t where t.id = @task;

        select count(*) filter (where {CostFacts.IsUse}), count(*) filter (where {CostFacts.IsUse} and {CostFacts.HasFailed}), coalesce(sum(e.retries), 0)::bigint, coalesce(sum(e.fallbacks), 0)::bigint,
            count(*) filter (where {CostFacts.IsUse} and e.module_id is null), count(*) filter (where {CostFacts.IsUse} and e.agent_id is null and e.surface is null),
            count(*) filter (where {CostFacts.IsUse} and e.ticket_id is null),
            count(*) filter (where {CostFacts.IsUse} and e.knowledge = 'unknown' and not exists (select from cost_events k where k.corrects = e.event_id and k.resolves_unknown)),
            count(*) filter (where {CostFacts.IsUse} and e.latency_ms is null),
            (percentile_disc(0.5) within group (order by e.latency_ms))::int, (percentile_disc(0.95) within group (order by e.latency_ms))::int
        from cost_events e where e.task_id = @task;

        select e.module_id, e.provider, e.access_path, count(*) filter (where {CostFacts.IsUse}), e.currency,
            sum(e.estimated_cost), sum(e.billed_cost), sum(coalesce(e.billed_cost, e.estimated_cost))
        from cost_events e where e.task_id = @task group by 1, 2, 3, 5 order by 8 desc nulls last, 1;

        select e.agent_id, a.name, e.surface, e.node_id, count(*)
        from cost_events e left join agents a on a.id = e.agent_id where e.task_id = @task and {CostFacts.IsUse} group by 1, 2, 3, 4 order by 5 desc limit 50
        """;

    /// <summary>What a task cost; null if there is no such task.</summary>
    public async Task<TaskCosts?> FindAsync(Guid task, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Sql);
        command.Parameters.AddWithValue("task", task);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return null;
        }

        var (ticket, holders, silent) = (reader.GetGuid(0), reader.GetInt32(1), reader.GetInt32(2));
        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var answers = CostObservability.Of(new CostEvidence(
            holders, silent, reader.GetInt64(0), reader.GetInt64(4), reader.GetInt64(5), reader.GetInt64(6), reader.GetInt64(7), reader.GetInt64(8)));
        var costs = new TaskCosts(
            task, ticket, CostObservability.IsObservable(answers), answers, reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(7),
            reader.ValueOrNull<int>(9), reader.ValueOrNull<int>(10), [], [], []);
        await reader.NextResultAsync(cancellationToken);
        var modules = await ReadModulesAsync(reader, cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        return costs with { ByCurrency = Sums(modules.SelectMany(m => m.ByCurrency)), Modules = modules, Runtimes = await ReadRuntimesAsync(reader, cancellationToken) };
    }

    private static async Task<List<TaskModule>> ReadModulesAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var modules = new List<TaskModule>();
        while (await reader.ReadAsync(cancellationToken))
        {
            CurrencyCosts[] costs = reader.TextOrNull(4) is { } currency && reader.ValueOrNull<decimal>(7) is { } cost
                ? [new CurrencyCosts(currency, Plain(reader.ValueOrNull<decimal>(5)), Plain(reader.ValueOrNull<decimal>(6)), Money.Plain(cost))] : [];
            var read = new TaskModule(reader.TextOrNull(0), reader.TextOrNull(1), reader.TextOrNull(2) is { } path ? WireNames<AccessPath>.Parse(path) : null, reader.GetInt64(3), costs);
            var place = modules.FindIndex(m => (m.Module, m.Provider, m.AccessPath) == (read.Module, read.Provider, read.AccessPath));
            if (place < 0)
            {
                modules.Add(read);
            }
            else
            {
                modules[place] = read with { Uses = modules[place].Uses + read.Uses, ByCurrency = Sums([.. modules[place].ByCurrency, .. costs]) };
            }
        }

        return modules;
    }

    private static async Task<List<TaskRuntime>> ReadRuntimesAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        var runtimes = new List<TaskRuntime>();
        while (await reader.ReadAsync(cancellationToken))
        {
            runtimes.Add(new TaskRuntime(reader.ValueOrNull<Guid>(0), reader.TextOrNull(1), reader.TextOrNull(2), reader.TextOrNull(3), reader.GetInt64(4)));
        }

        return runtimes;
    }

    private static CurrencyCosts[] Sums(IEnumerable<CurrencyCosts> costs) =>
        [.. costs.GroupBy(c => c.Currency, StringComparer.Ordinal).Select(g => new CurrencyCosts(g.Key, SumOf(g, c => c.EstimatedCost), SumOf(g, c => c.BilledCost), g.Sum(c => c.Cost)))];

    private static decimal? SumOf(IEnumerable<CurrencyCosts> costs, Func<CurrencyCosts, decimal?> of) =>
        costs.Select(of).OfType<decimal>().ToList() is { Count: > 0 } known ? known.Sum() : null;

    private static decimal? Plain(decimal? amount) => amount is { } known ? Money.Plain(known) : null;
}
