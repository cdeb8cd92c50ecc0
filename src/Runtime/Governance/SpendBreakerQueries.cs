using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Models;
using Npgsql;

namespace ControlCenter.Runtime.Governance;

/// <summary>A policy.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">What it governs: <c>breaker</c>.</param>
/// <param name="Scope">Whose spending.</param>
/// <param name="ScopeId">Which one; null for each of that scope, apart.</param>
/// <param name="ScopeName">What that is called.</param>
/// <param name="Signal">What is watched.</param>
/// <param name="Allowed">The rate that is as it should be.</param>
/// <param name="Times">Beyond so many times that it opens.</param>
/// <param name="Threshold">Beyond this it opens.</param>
/// <param name="Currency">Of the money.</param>
/// <param name="ShortSeconds">The short window.</param>
/// <param name="LongSeconds">The long window.</param>
/// <param name="FewestCalls">Fewer say nothing of errors and retries.</param>
/// <param name="OpenSeconds">How long no call passes.</param>
/// <param name="ProbeCalls">The most calls on probation.</param>
/// <param name="ProbeAmount">The most that they may cost together.</param>
/// <param name="UpdatedAt">Since when it is so.</param>
/// <param name="UpdatedByName">By whom.</param>
public sealed record BreakerPolicyView(
    string Name, string Kind, BudgetScope Scope, string? ScopeId, string? ScopeName, BreakerSignal Signal, decimal Allowed, decimal Times, decimal Threshold, string Currency,
    int ShortSeconds, int LongSeconds, int FewestCalls, int OpenSeconds, int ProbeCalls, decimal ProbeAmount, DateTimeOffset UpdatedAt, string UpdatedByName);

/// <summary>The policies.</summary>
public sealed record BreakerPolicyList(IReadOnlyList<BreakerPolicyView> Items, string? NextCursor);

/// <summary>A breaker that does not let every call pass.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Policy">By which policy.</param>
/// <param name="Scope">Of what kind of thing.</param>
/// <param name="ScopeId">Of which; null for everything.</param>
/// <param name="ScopeName">What that is called.</param>
/// <param name="Signal">What is watched.</param>
/// <param name="State">Whether none or few calls pass.</param>
/// <param name="Rate">What opened it.</param>
/// <param name="Threshold">What is the most.</param>
/// <param name="Currency">Of the money.</param>
/// <param name="OpenedAt">Since when.</param>
/// <param name="OpenUntil">When it is tried, or when probation is over.</param>
/// <param name="ProbeCalls">Calls let through on probation.</param>
/// <param name="ProbeAmount">What they may cost at the most.</param>
public sealed record SpendBreakerView(
    string Id, string Policy, BudgetScope Scope, string? ScopeId, string? ScopeName, BreakerSignal Signal, BreakerState State, decimal Rate, decimal Threshold, string Currency,
    DateTimeOffset OpenedAt, DateTimeOffset? OpenUntil, int ProbeCalls, decimal ProbeAmount);

/// <summary>Reads policies and the breakers that are open by them.</summary>
public sealed class SpendBreakerQueries(NpgsqlDataSource database)
{
    /// <summary>Every policy, by name.</summary>
    public async Task<BreakerPolicyList> PoliciesAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return new BreakerPolicyList([.. (await SpendBreakerRows.PoliciesAsync(connection, cancellationToken)).Select(ViewOf)], null);
    }

    /// <summary>One of them.</summary>
    public async Task<BreakerPolicyView?> FindPolicyAsync(string name, CancellationToken cancellationToken) =>
        (await PoliciesAsync(cancellationToken)).Items.FirstOrDefault(p => p.Name == name);

    /// <summary>Every breaker that does not let all calls pass, the newest first.</summary>
    public async Task<IReadOnlyList<SpendBreakerView>> OpenAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await ViewsAsync(connection, cancellationToken);
    }

    /// <summary>The same, as the transaction on a connection sees it.</summary>
    internal static async Task<IReadOnlyList<SpendBreakerView>> ViewsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var policies = (await SpendBreakerRows.PoliciesAsync(connection, cancellationToken)).ToDictionary(p => p.Policy.Name, p => p.Policy, StringComparer.Ordinal);
        return [.. (await SpendBreakerRows.BreakersAsync(connection, cancellationToken)).Where(b => policies.ContainsKey(b.Policy)).Select(b => ViewOf(b, policies[b.Policy]))];
    }

    private static SpendBreakerView ViewOf(KeptBreaker b, SpendBreakerPolicy p) => new(
        SpendBreakerRows.IdOf(b.Policy, b.ScopeId), b.Policy, p.Scope, b.ScopeId.Length == 0 ? null : b.ScopeId, b.ScopeName, p.Signal, b.State, b.Rate, p.Threshold, p.Currency,
        b.OpenedAt, b.OpenUntil, b.ProbeCalls, b.ProbeAmount);

    private static BreakerPolicyView ViewOf(KeptPolicy kept)
    {
        var p = kept.Policy;
        return new BreakerPolicyView(
            p.Name, "breaker", p.Scope, p.ScopeId.Length == 0 ? null : p.ScopeId, kept.ScopeName, p.Signal, p.Allowed, p.Times, p.Threshold, p.Currency, p.ShortSeconds, p.LongSeconds,
            p.FewestCalls, p.OpenSeconds, p.ProbeCalls, p.ProbeAmount, kept.UpdatedAt, kept.UpdatedByName);
    }
}
