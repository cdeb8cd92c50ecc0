using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Models;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Access;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Queries;
using Npgsql;

namespace ControlCenter.Runtime.Governance;

/// <summary>A policy as it is kept.</summary>
/// <param name="Policy">What it says.</param>
/// <param name="ScopeName">What the thing that it is for is called.</param>
/// <param name="UpdatedAt">Since when.</param>
/// <param name="UpdatedByName">By whom.</param>
internal sealed record KeptPolicy(SpendBreakerPolicy Policy, string? ScopeName, DateTimeOffset UpdatedAt, string UpdatedByName);

/// <summary>A breaker that does not let every call pass.</summary>
internal sealed record KeptBreaker(
    string Policy, string ScopeId, BreakerState State, decimal Rate, DateTimeOffset OpenedAt, DateTimeOffset OpenUntil, int ProbeCalls, decimal ProbeAmount, string? ScopeName);

/// <summary>Reads and ends what is kept of spend breakers.</summary>
internal static class SpendBreakerRows
{
    public const string Closed = "governor.spend_breaker_closed";
    public const string HalfOpened = "governor.spend_breaker_half_open";
    public const string Opened = "governor.spend_breaker_opened";
    public const string PolicyChanged = "governor.policy_changed";
    public const string Reset = "governor.spend_breaker_reset";

    /// <summary>The subject of their events.</summary>
    public const string Subject = "spend_breaker";

    /// <summary>The id of the breaker of a thing.</summary>
    public static string IdOf(string policy, string scopeId) => $"spend:{policy}:{scopeId}";

    public static async Task<List<KeptPolicy>> PoliciesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select p.name, p.scope, p.scope_id, p.signal, p.allowed, p.times, p.currency, p.short_seconds, p.long_seconds, p.fewest_calls, p.open_seconds,
                p.probe_calls, p.probe_amount, case when p.scope_id <> '' then budget_scope_name(p.scope, p.scope_id) end, p.updated_at, a.name
            from spend_breaker_policies p join actors a on a.id = p.updated_by where p.deleted_at is null order by p.name
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var policies = new List<KeptPolicy>();
        while (await reader.ReadAsync(cancellationToken))
        {
            policies.Add(new KeptPolicy(
                new SpendBreakerPolicy(
                    reader.GetString(0), WireNames<BudgetScope>.Parse(reader.GetString(1)), reader.GetString(2), WireNames<BreakerSignal>.Parse(reader.GetString(3)),
                    reader.GetDecimal(4), reader.GetDecimal(5), reader.GetString(6), reader.GetInt32(7), reader.GetInt32(8), reader.GetInt32(9), reader.GetInt32(10),
                    reader.GetInt32(11), reader.GetDecimal(12)),
                reader.TextOrNull(13), reader.GetFieldValue<DateTimeOffset>(14), reader.GetString(15)));
        }

        return policies;
    }

    public static async Task<List<KeptBreaker>> BreakersAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            select b.policy, b.scope_id, b.state, b.rate, b.opened_at, b.open_until, b.probe_calls, b.probe_amount, budget_scope_name(p.scope, b.scope_id)
            from spend_breakers b join spend_breaker_policies p on p.name = b.policy order by b.opened_at desc, b.policy, b.scope_id
            """,
            connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var breakers = new List<KeptBreaker>();
        while (await reader.ReadAsync(cancellationToken))
        {
            breakers.Add(new KeptBreaker(
                reader.GetString(0), reader.GetString(1), WireNames<BreakerState>.Parse(reader.GetString(2)), reader.GetDecimal(3), reader.GetFieldValue<DateTimeOffset>(4),
                reader.GetFieldValue<DateTimeOffset>(5), reader.GetInt32(6), reader.GetDecimal(7), reader.TextOrNull(8)));
        }

        return breakers;
    }

    /// <summary>Tells of a policy that was set or ended, and closes what was open by it: it was about other numbers.</summary>
    public static async Task TellPolicyAsync(UnitOfWork unit, TimeProvider time, string name, string action, SpendBreakerPolicy? policy, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync("delete from spend_breakers where policy = @name", cancellationToken, ("name", name));
        await unit.ExecuteAsync("delete from spend_breaker_minutes where policy = @name", cancellationToken, ("name", name));
        await AuditLog.WriteAsync(unit, time, action, $"policy:{name}", policy ?? (object)new { }, cancellationToken);
        unit.Record(PolicyChanged, (Subject, $"policy:{name}"), new { Name = name, By = unit.Caller.Name, IsDeleted = policy is null, Policy = policy });
    }

    /// <summary>Forgets what was counted of a thing, so that what is over is not held against it again.</summary>
    public static Task ForgetAsync(UnitOfWork unit, string policy, string scopeId, CancellationToken cancellationToken) =>
        unit.ExecuteAsync("delete from spend_breaker_minutes where policy = @policy and scope_id = @id", cancellationToken, ("policy", policy), ("id", scopeId));
}
