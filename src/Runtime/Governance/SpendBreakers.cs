using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Problems;
using ControlCenter.Runtime.Commands;
using Npgsql;
using NpgsqlTypes;

namespace ControlCenter.Runtime.Governance;

/// <summary>
/// Keeps calls away from whoever spends or fails too fast. Asking costs nothing while all are closed: what is open is kept in memory
/// as the log tells of it. Calls on probation are counted in the database, for all hosts together.
/// </summary>
public sealed class SpendBreakers(NpgsqlDataSource database, TimeProvider time) : IDisposable
{
    // Probation lets a few calls pass, then the next look at it decides.
    private const int ProbationRetrySeconds = 10;

    // What a sub-agent spends, and fails of, counts for those above it.
    private const string Count =
        """
        with own as (
            select * from unnest(@ats, @scopes, @ids, @amounts, @currencies, @calls, @failures, @retries) l (at, scope, scope_id, amount, currency, calls, failures, retries)),
        lines as (
            select * from own
            union all
            select o.at, o.scope, a.id::text, o.amount, o.currency, o.calls, o.failures, o.retries
            from own o cross join lateral agent_ancestors(case when o.scope = 'agent' then o.scope_id::uuid end) a (id))
        select spend_breaker_count(
            array_agg(at), array_agg(scope), array_agg(scope_id), array_agg(amount), array_agg(currency), array_agg(calls), array_agg(failures), array_agg(retries))
        from lines
        """;

    private readonly SemaphoreSlim _refreshing = new(1, 1);
    private volatile View _view = View.Nothing;

    /// <inheritdoc />
    public void Dispose() => _refreshing.Dispose();

    /// <summary>Whether there is any policy.</summary>
    internal bool Watches => _view.HasPolicies;

    /// <summary>Lets a call pass or not.</summary>
    /// <param name="who">For whom and for what.</param>
    /// <param name="module">The module.</param>
    /// <param name="provider">Its provider.</param>
    /// <param name="worstCase">The most that it can cost.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="UnavailableException"><c>breaker_open</c>, with when to try again.</exception>
    public async ValueTask CheckAsync(Attribution who, string module, string provider, Money worstCase, CancellationToken cancellationToken)
    {
        var view = _view;
        if (view.Open.Count == 0)
        {
            return;
        }

        foreach (var target in await TargetsAsync(view, who, module, provider, cancellationToken))
        {
            foreach (var (policy, breaker) in view.Open.GetValueOrDefault(target) ?? [])
            {
                if (breaker.State == BreakerState.Open)
                {
                    throw Refusal(policy, breaker, (int)Math.Clamp(Math.Ceiling((breaker.OpenUntil - time.GetUtcNow()).TotalSeconds), 1, policy.OpenSeconds));
                }

                if (!await ProbeAsync(breaker, worstCase, cancellationToken))
                {
                    throw Refusal(policy, breaker, ProbationRetrySeconds);
                }
            }
        }
    }

    /// <summary>Counts costs that have just been recorded, in the transaction that records them.</summary>
    internal async Task CountAsync(UnitOfWork unit, IReadOnlyList<CostEvent> newlyRecorded, CancellationToken cancellationToken)
    {
        if (!Watches)
        {
            return;
        }

        var lines = newlyRecorded.SelectMany(c => BudgetTarget.Of(c.Attribution, c.ModuleId, c.Provider).Select(t => (Cost: c, Target: t, IsCall: c is { IsUse: true, End: not null }))).ToList();
        await using var command = unit.Command(Count);
        command.Parameters.AddWithValue("ats", lines.ConvertAll(l => l.Cost.At.UtcDateTime).ToArray());
        command.Parameters.AddWithValue("scopes", lines.ConvertAll(l => l.Target.Wire).ToArray());
        command.Parameters.AddWithValue("ids", lines.ConvertAll(l => l.Target.Id).ToArray());
        command.Parameters.AddWithValue("amounts", NpgsqlDbType.Array | NpgsqlDbType.Numeric, lines.ConvertAll(l => l.Cost.BilledCost ?? l.Cost.EstimatedCost).ToArray());
        command.Parameters.AddWithValue("currencies", NpgsqlDbType.Array | NpgsqlDbType.Text, lines.ConvertAll(l => l.Cost.Currency).ToArray());
        command.Parameters.AddWithValue("calls", lines.ConvertAll(l => l.IsCall ? 1 : 0).ToArray());
        command.Parameters.AddWithValue("failures", lines.ConvertAll(l => l.IsCall && l.Cost.End is CallEnd.Failed or CallEnd.CutByUpstream or CallEnd.Lost ? 1 : 0).ToArray());
        command.Parameters.AddWithValue("retries", lines.ConvertAll(l => l.IsCall ? l.Cost.Retries : 0).ToArray());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Takes over what the database says.</summary>
    internal async Task RefreshAsync(CancellationToken cancellationToken)
    {
        // One at a time: an older reading that was slow would refuse calls that a reset has let pass, and nothing would correct it.
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            var policies = (await SpendBreakerRows.PoliciesAsync(connection, cancellationToken)).ToDictionary(p => p.Policy.Name, p => p.Policy, StringComparer.Ordinal);
            var breakers = await SpendBreakerRows.BreakersAsync(connection, cancellationToken);
            _view = new View(
                policies.Count > 0,
                breakers.Where(b => policies.ContainsKey(b.Policy)).Select(b => (Policy: policies[b.Policy], Breaker: b))
                    .GroupBy(b => new BudgetTarget(b.Policy.Scope, b.Breaker.ScopeId)).ToDictionary(g => g.Key, g => g.ToArray()));
        }
        finally
        {
            _refreshing.Release();
        }
    }

    private static UnavailableException Refusal(SpendBreakerPolicy policy, KeptBreaker breaker, int seconds) => new(
        ProblemTypes.BreakerOpen,
        $"The breaker '{policy.Name}' of {Whose(policy, breaker)} is {(breaker.State == BreakerState.Open ? "open" : "on probation, and lets few calls pass")}: {policy.Told(breaker.Rate)}, where {policy.Told(policy.Threshold)} is the most. The founder can reset it under /budgets/breakers.",
        seconds);

    private static string Whose(SpendBreakerPolicy policy, KeptBreaker breaker) =>
        policy.Scope == BudgetScope.Global ? "everything" : $"{policy.Scope.ToString().ToLowerInvariant()} '{breaker.ScopeName ?? breaker.ScopeId}'";

    // Who is above an agent is asked for only while an agent's breaker is open.
    private async ValueTask<IReadOnlyList<BudgetTarget>> TargetsAsync(View view, Attribution who, string module, string provider, CancellationToken cancellationToken)
    {
        var targets = BudgetTarget.Of(who, module, provider);
        if (who.AgentId is not { } agent || !view.Open.Keys.Any(t => t.Scope == BudgetScope.Agent))
        {
            return targets;
        }

        await using var command = database.CreateCommand("select array(select a::text from agent_ancestors(@agent) a)");
        command.Parameters.AddWithValue("agent", agent);
        var above = (string[])(await command.ExecuteScalarAsync(cancellationToken))!;
        return [.. targets, .. above.Select(id => new BudgetTarget(BudgetScope.Agent, id))];
    }

    private async Task<bool> ProbeAsync(KeptBreaker breaker, Money worstCase, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("select spend_breaker_probe(@policy, @id, @amount, @currency)");
        command.Parameters.AddWithValue("policy", breaker.Policy);
        command.Parameters.AddWithValue("id", breaker.ScopeId);
        command.Parameters.AddWithValue("amount", worstCase.Amount);
        command.Parameters.AddWithValue("currency", worstCase.Currency);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private sealed record View(bool HasPolicies, Dictionary<BudgetTarget, (SpendBreakerPolicy Policy, KeptBreaker Breaker)[]> Open)
    {
        public static readonly View Nothing = new(false, []);
    }
}
