using System.Globalization;
using ControlCenter.Domain.Access;
using ControlCenter.Domain.Governance;
using ControlCenter.Domain.Text;
using ControlCenter.Runtime.Commands;
using ControlCenter.Runtime.Hosting;
using Microsoft.Extensions.Logging;

namespace ControlCenter.Runtime.Governance;

/// <summary>Opens spend breakers where both windows are beyond what is allowed, puts them on probation after their time, and closes them when that has passed.</summary>
/// <remarks>Reads what is counted by the minute, never costs or events. Hosts take turns by an advisory lock.</remarks>
public sealed class WatchSpendRates(Transactions transactions, SpendBreakers breakers, TimeProvider time, ILogger<WatchSpendRates> logger)
    : SupervisedService("spend-rates", time, logger)
{
    private const long Lock = 7400_011;

    // A runaway is stopped within seconds; a look is two queries over what was counted in the last hour.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <inheritdoc />
    protected override async Task RunAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, Time);
        do
        {
            var moved = breakers.Watches ? await transactions.RunAsync(Caller.Host, LookAsync, stoppingToken) : 0;
            Beat(!breakers.Watches ? "there is no policy" : moved == 0 ? "nothing has changed" : string.Create(CultureInfo.InvariantCulture, $"{moved} breakers moved"));
            if (moved > 0)
            {
                await breakers.RefreshAsync(stoppingToken);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task<int> LookAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using (var turn = unit.Command("select pg_try_advisory_xact_lock(@lock)", ("lock", Lock)))
        {
            if (await turn.ExecuteScalarAsync(cancellationToken) is not true)
            {
                return 0;
            }
        }

        await unit.ExecuteAsync(
            "delete from spend_breaker_minutes where minute < clock_timestamp() - make_interval(secs => @keep)",
            cancellationToken, ("keep", (double)(SpendBreakerPolicy.LongestSeconds + SpendBreakerPolicy.ShortestSeconds)));
        var policies = (await SpendBreakerRows.PoliciesAsync(unit.Connection, cancellationToken)).ToDictionary(p => p.Policy.Name, p => p.Policy, StringComparer.Ordinal);
        var moved = 0;
        foreach (var line in (await LinesAsync(unit, cancellationToken)).Where(l => policies.ContainsKey(l.Policy)))
        {
            var policy = policies[line.Policy];
            var verdict = line.State is null
                ? policy.IsOver(line.InShort, line.InLong) ? Move.Open : Move.None
                : line.State == "open"
                    ? line.IsOver ? Move.Try : Move.None
                    : policy.HasPassed(line.InLong, line.IsOver, line.WasTooLittle) switch { true => Move.Close, false => Move.OpenAgain, null => Move.None };
            moved += verdict == Move.None ? 0 : 1;
            await (verdict switch
            {
                Move.Open or Move.OpenAgain => OpenAsync(unit, policy, line, again: verdict == Move.OpenAgain, cancellationToken),
                Move.Try => TryAsync(unit, policy, line, cancellationToken),
                Move.Close => CloseAsync(unit, policy, line, cancellationToken),
                _ => Task.CompletedTask,
            });
        }

        return moved;
    }

    // A minute counts for a window that it touches: a peak is seen at once, and a window may be longer by less than a minute.
    private static async Task<List<Line>> LinesAsync(UnitOfWork unit, CancellationToken cancellationToken)
    {
        await using var command = unit.Command(
            """
            with counted as (
                select m.policy, m.scope_id,
                    sum(m.spent) filter (where m.minute > clock_timestamp() - make_interval(secs => p.short_seconds + 60)) as short_spent,
                    sum(m.calls) filter (where m.minute > clock_timestamp() - make_interval(secs => p.short_seconds + 60)) as short_calls,
                    sum(m.failures) filter (where m.minute > clock_timestamp() - make_interval(secs => p.short_seconds + 60)) as short_failures,
                    sum(m.retries) filter (where m.minute > clock_timestamp() - make_interval(secs => p.short_seconds + 60)) as short_retries,
                    sum(m.spent) as spent, sum(m.calls) as calls, sum(m.failures) as failures, sum(m.retries) as retries
                from spend_breaker_minutes m join spend_breaker_policies p on p.name = m.policy and p.deleted_at is null
                where m.minute > clock_timestamp() - make_interval(secs => p.long_seconds + 60)
                group by m.policy, m.scope_id)
            select coalesce(c.policy, b.policy), coalesce(c.scope_id, b.scope_id), b.state,
                coalesce(c.short_spent, 0), coalesce(c.short_calls, 0)::bigint, coalesce(c.short_failures, 0)::bigint, coalesce(c.short_retries, 0)::bigint,
                coalesce(c.spent, 0), coalesce(c.calls, 0)::bigint, coalesce(c.failures, 0)::bigint, coalesce(c.retries, 0)::bigint,
                coalesce(b.open_until <= clock_timestamp(), false), coalesce(b.probe_refused, false)
            from counted c full join spend_breakers b on b.policy = c.policy and b.scope_id = c.scope_id
            order by 1, 2
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var lines = new List<Line>();
        while (await reader.ReadAsync(cancellationToken))
        {
            lines.Add(new Line(
                reader.GetString(0), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2),
                new BreakerCounts(reader.GetDecimal(3), reader.GetInt64(4), reader.GetInt64(5), reader.GetInt64(6)),
                new BreakerCounts(reader.GetDecimal(7), reader.GetInt64(8), reader.GetInt64(9), reader.GetInt64(10)),
                reader.GetBoolean(11), reader.GetBoolean(12)));
        }

        return lines;
    }

    private static async Task OpenAsync(UnitOfWork unit, SpendBreakerPolicy policy, Line line, bool again, CancellationToken cancellationToken)
    {
        var rate = policy.RateNow(line.InShort) ?? policy.Threshold;
        await using var command = unit.Command(
            """
            insert into spend_breakers as b (policy, scope_id, state, rate, opened_at, open_until)
            values (@policy, @id, 'open', @rate, clock_timestamp(), clock_timestamp() + make_interval(secs => @seconds))
            on conflict (policy, scope_id) do update set state = 'open', rate = greatest(b.rate, excluded.rate), open_until = excluded.open_until,
                half_open_at = null, probe_calls = 0, probe_amount = 0, probe_refused = false
            returning coalesce(budget_scope_name(@scope, scope_id), scope_id), open_until
            """,
            ("policy", policy.Name), ("id", line.ScopeId), ("rate", rate), ("seconds", (double)policy.OpenSeconds), ("scope", policy.Scope.Wire()));
        string name;
        DateTimeOffset until;
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            (name, until) = (reader.GetString(0), reader.GetFieldValue<DateTimeOffset>(1));
        }

        await SpendBreakerRows.ForgetAsync(unit, policy.Name, line.ScopeId, cancellationToken);
        var whose = policy.Scope == BudgetScope.Global ? "everything" : $"{policy.Scope.Wire()} '{name}'";
        var title = again
            ? $"The breaker '{policy.Name}' of {whose} stays open: probation did not go well"
            : $"The breaker '{policy.Name}' of {whose} has opened: {policy.Told(rate)}, where {policy.Told(policy.Threshold)} is the most";
        Tell(unit, SpendBreakerRows.Opened, policy, line, new { BreakerId = SpendBreakerRows.IdOf(policy.Name, line.ScopeId), Policy = policy.Name, policy.Scope, line.ScopeId, policy.Signal, Rate = rate, policy.Threshold, OpenUntil = until, Again = again, Title = title });
        if (!again)
        {
            Tell(unit, "alert.raised", policy, line, new { Severity = "critical", Source = "breaker", Title = title });
        }
    }

    private static async Task TryAsync(UnitOfWork unit, SpendBreakerPolicy policy, Line line, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync(
            """
            update spend_breakers set state = 'half_open', half_open_at = clock_timestamp(), open_until = clock_timestamp() + make_interval(secs => @seconds)
            where policy = @policy and scope_id = @id
            """,
            cancellationToken, ("policy", policy.Name), ("id", line.ScopeId), ("seconds", (double)policy.OpenSeconds));
        await SpendBreakerRows.ForgetAsync(unit, policy.Name, line.ScopeId, cancellationToken);
        Tell(unit, SpendBreakerRows.HalfOpened, policy, line, new { Policy = policy.Name, policy.Scope, line.ScopeId, policy.ProbeCalls, policy.ProbeAmount, policy.Currency });
    }

    private static async Task CloseAsync(UnitOfWork unit, SpendBreakerPolicy policy, Line line, CancellationToken cancellationToken)
    {
        await unit.ExecuteAsync("delete from spend_breakers where policy = @policy and scope_id = @id", cancellationToken, ("policy", policy.Name), ("id", line.ScopeId));
        Tell(unit, SpendBreakerRows.Closed, policy, line, new { Policy = policy.Name, policy.Scope, line.ScopeId });
    }

    private static void Tell(UnitOfWork unit, string kind, SpendBreakerPolicy policy, Line line, object data) =>
        unit.Record(kind, (SpendBreakerRows.Subject, SpendBreakerRows.IdOf(policy.Name, line.ScopeId)), data);

    private enum Move
    {
        None,
        Open,
        OpenAgain,
        Try,
        Close,
    }

    private sealed record Line(string Policy, string ScopeId, string? State, BreakerCounts InShort, BreakerCounts InLong, bool IsOver, bool WasTooLittle);
}
