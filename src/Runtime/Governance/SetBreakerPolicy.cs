using ControlCenter.Domain.Access;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Problems;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;

namespace ControlCenter.Runtime.Governance;

/// <summary>When calls are to be kept away from whoever spends or fails too fast.</summary>
/// <param name="Scope">Whose spending.</param>
/// <param name="Signal">What is watched.</param>
/// <param name="Allowed">The rate that is as it should be: money an hour, a share from 0 to 1, retries a call.</param>
/// <param name="ScopeId">Which one; none for each of that scope, apart.</param>
/// <param name="Times">Beyond so many times that it opens, 1 to 1000; 1 unless said.</param>
/// <param name="Currency">ISO 4217; USD unless said.</param>
/// <param name="ShortSeconds">The short window, 60 or more; 5 minutes unless said.</param>
/// <param name="LongSeconds">The long window, up to a day; an hour unless said.</param>
/// <param name="FewestCalls">Fewer in a window say nothing of errors and retries; 10 unless said.</param>
/// <param name="OpenSeconds">How long no call passes, and how long probation lasts after it; 5 minutes unless said.</param>
/// <param name="ProbeCalls">The most calls on probation; 3 unless said.</param>
/// <param name="ProbeAmount">The most that they may cost together; 1 unless said.</param>
public sealed record SetBreakerPolicyRequest(
    BudgetScope Scope, BreakerSignal Signal, decimal Allowed, string? ScopeId = null, decimal? Times = null, string? Currency = null, int? ShortSeconds = null,
    int? LongSeconds = null, int? FewestCalls = null, int? OpenSeconds = null, int? ProbeCalls = null, decimal? ProbeAmount = null);

/// <summary>Sets a breaker's policy, or changes it. A policy that is changed begins anew: what was open by it is closed.</summary>
public sealed class SetBreakerPolicy(Transactions transactions, SpendBreakers breakers, SpendBreakerQueries queries, TimeProvider time)
{
    private const int DefaultShortSeconds = 300;
    private const int DefaultLongSeconds = 3600;
    private const int DefaultFewestCalls = 10;
    private const int DefaultOpenSeconds = 300;
    private const int DefaultProbeCalls = 3;
    private const decimal DefaultProbeAmount = 1;

    /// <summary>Sets it.</summary>
    /// <exception cref="NotFoundException">There is no such ticket, task or agent.</exception>
    public async Task<BreakerPolicyView> ExecuteAsync(string name, SetBreakerPolicyRequest request, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ChangeBudgets);
        var policy = new SpendBreakerPolicy(
            name, request.Scope, request.ScopeId?.Trim() ?? "", request.Signal, request.Allowed, request.Times ?? 1, request.Currency ?? CreateBudget.DefaultCurrency,
            request.ShortSeconds ?? DefaultShortSeconds, request.LongSeconds ?? DefaultLongSeconds, request.FewestCalls ?? DefaultFewestCalls,
            request.OpenSeconds ?? DefaultOpenSeconds, request.ProbeCalls ?? DefaultProbeCalls, request.ProbeAmount ?? DefaultProbeAmount);
        var errors = new FieldErrors()
            .Add("name", SpendBreakerPolicy.NameProblem(name))
            .Add("scope_id", policy.ScopeId.Length == 0 ? null : CreateBudget.ScopeIdProblem(policy.Scope, policy.ScopeId));
        foreach (var (field, problem) in policy.Problems())
        {
            errors.Add(field, problem);
        }

        errors.ThrowIfAny();
        await transactions.RunAsync(caller, async (unit, ct) =>
        {
            var kept = policy.ScopeId.Length == 0 ? policy : policy with { ScopeId = await CreateBudget.TargetAsync(unit, policy.Scope, policy.ScopeId, ct) };
            await WriteAsync(unit, kept, ct);
            await SpendBreakerRows.TellPolicyAsync(unit, time, name, "policy.changed", kept, ct);
            return true;
        }, cancellationToken);
        await breakers.RefreshAsync(CancellationToken.None);
        return await queries.FindPolicyAsync(name, cancellationToken) ?? throw new NotFoundException("policy", name);
    }

    private static Task WriteAsync(UnitOfWork unit, SpendBreakerPolicy policy, CancellationToken cancellationToken) =>
        unit.ExecuteAsync(
            """
            insert into spend_breaker_policies (name, scope, scope_id, signal, allowed, times, currency, short_seconds, long_seconds, fewest_calls, open_seconds, probe_calls, probe_amount, updated_by)
            values (@name, @scope, @scope_id, @signal, @allowed, @times, @currency, @short, @long, @fewest, @open, @calls, @amount, @actor)
            on conflict (name) do update set scope = excluded.scope, scope_id = excluded.scope_id, signal = excluded.signal, allowed = excluded.allowed, times = excluded.times,
                currency = excluded.currency, short_seconds = excluded.short_seconds, long_seconds = excluded.long_seconds, fewest_calls = excluded.fewest_calls,
                open_seconds = excluded.open_seconds, probe_calls = excluded.probe_calls, probe_amount = excluded.probe_amount,
                updated_at = clock_timestamp(), updated_by = excluded.updated_by, deleted_at = null
            """,
            cancellationToken, ("name", policy.Name), ("scope", policy.Scope.Wire()), ("scope_id", policy.ScopeId), ("signal", policy.Signal.Wire()), ("allowed", policy.Allowed),
            ("times", policy.Times), ("currency", policy.Currency), ("short", policy.ShortSeconds), ("long", policy.LongSeconds), ("fewest", policy.FewestCalls),
            ("open", policy.OpenSeconds), ("calls", policy.ProbeCalls), ("amount", policy.ProbeAmount), ("actor", unit.Caller.ActorId));
}

/// <summary>Ends a policy; what was open by it is closed.</summary>
public sealed class DeleteBreakerPolicy(Transactions transactions, SpendBreakers breakers, TimeProvider time)
{
    /// <summary>Ends it.</summary>
    /// <exception cref="NotFoundException">There is no such policy.</exception>
    public async Task ExecuteAsync(string name, Caller caller, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ChangeBudgets);
        await transactions.RunAsync(caller, async (unit, ct) =>
        {
            var ended = await unit.ExecuteAsync(
                "update spend_breaker_policies set deleted_at = clock_timestamp(), updated_at = clock_timestamp(), updated_by = @actor where name = @name and deleted_at is null",
                ct, ("name", name), ("actor", unit.Caller.ActorId));
            if (ended == 0)
            {
                throw new NotFoundException("policy", name);
            }

            await SpendBreakerRows.TellPolicyAsync(unit, time, name, "policy.deleted", null, ct);
            return true;
        }, cancellationToken);
        await breakers.RefreshAsync(CancellationToken.None);
    }
}

/// <summary>Lets calls pass again at once, and forgets what was counted until now: on the record, and on every host.</summary>
public sealed class ResetSpendBreaker(Transactions transactions, SpendBreakers breakers, TimeProvider time)
{
    /// <summary>Resets the breaker of a thing.</summary>
    /// <exception cref="NotFoundException">It is not open.</exception>
    public async Task<Outcome<SpendBreakerView>> ExecuteAsync(string id, Caller caller, IdempotentRequest? idempotency, CancellationToken cancellationToken)
    {
        caller.Require(Permission.ChangeBudgets);
        var outcome = await transactions.RunAsync(caller, idempotency, async (unit, ct) =>
        {
            var before = (await SpendBreakerQueries.ViewsAsync(unit.Connection, ct)).FirstOrDefault(b => b.Id == id) ?? throw new NotFoundException("open breaker", id);
            await unit.ExecuteAsync("delete from spend_breakers where policy = @policy and scope_id = @id", ct, ("policy", before.Policy), ("id", before.ScopeId ?? ""));
            await SpendBreakerRows.ForgetAsync(unit, before.Policy, before.ScopeId ?? "", ct);
            await AuditLog.WriteAsync(unit, time, "breaker.reset", id, new { before.State, before.Rate }, ct);
            unit.Record(SpendBreakerRows.Reset, (SpendBreakerRows.Subject, id), new { BreakerId = id, before.Policy, before.Scope, before.ScopeId, By = unit.Caller.Name });
            return before with { State = Domain.Models.BreakerState.Closed, OpenUntil = null };
        }, cancellationToken);
        await breakers.RefreshAsync(CancellationToken.None);
        return outcome;
    }
}
